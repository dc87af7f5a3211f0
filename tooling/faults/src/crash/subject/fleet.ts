// A fleet as a container boots it: the lease, the restore of what is missing, then following, with restore points.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fleet, type FleetMember, Lease, restoreFleet, type Sharding } from "@litewake/core";
import { file } from "@litewake/file";
import { prefixed } from "../../../../../packages/core/src/backend/prefix.ts";
import { type Context, UntilAsked } from "./context.ts";
import { killable } from "./killable-client.ts";
import { SubjectLog } from "./log.ts";
import type { FleetSubject } from "./options.ts";
import { say } from "./say.ts";

const EXISTING_POLL_MS = 5;

export async function bootFleet(options: FleetSubject, context: Context): Promise<void> {
  const { kill, random } = context;
  const { folder, replica, pointsIntervalMs, tuning } = options;
  const names = Array.from({ length: options.shards }, (_, n) => `shard_${n}`);
  const sharding: Sharding = { shards: names, hashBits: 32, dlq: "dlq" };
  const members: FleetMember[] = [...names, "dlq"].map((name) => ({ name, path: path.join(folder, `${name}.db`) }));
  const bare = await file.open({ url: `file://${replica}`, settings: {}, env: {} });
  const client = killable(bare, kill, random, () => {});
  const log = new SubjectLog((name) => prefixed(bare, name));
  const { logger } = log;
  const lease = new Lease({ client, ttlMs: options.leaseMs, logger });
  await lease.acquire(new AbortController().signal);
  const { restored, fresh } = await restoreFleet({ client, sharding, members, logger });
  say(`restored ${restored.length} ${fresh.length}`);
  // A fleet that begins here is made by the application, which is started at the line before.
  while (!members.every((member) => (fs.statSync(member.path, { throwIfNoEntry: false })?.size ?? 0) > 0))
    await sleep(EXISTING_POLL_MS);
  const { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs } = options;
  const intervals = { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs, pointsIntervalMs };
  const fleet = await Fleet.start({ client, members, sharding, logger, tuning, lease, ...intervals });
  const asked = new UntilAsked(context);
  say("started");
  kill.phase = "run";
  await asked.repeat(options.ackEveryMs, async () => {
    const { size } = fs.statSync(options.ledger);
    await fleet.sync();
    say(`acked ${size} 0`);
  });
  await fleet.stop();
  await lease.release();
  await log.settled();
}
