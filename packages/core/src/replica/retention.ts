// TEMPORARY stand-in.
import type { ReplicaClient } from "../backend/client.ts";
export class Retention { constructor(_c: ReplicaClient, _o: { retentionMs: number }) {} async run(_o: { current: string; signal: AbortSignal }): Promise<{ deleted: number; pending: number }> { return { deleted: 0, pending: 0 }; } }
