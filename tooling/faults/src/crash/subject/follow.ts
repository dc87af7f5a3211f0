// Follows a ledger, and says what is acknowledged.
import { DatabaseSync } from "node:sqlite";
import { file } from "@litewake/file";
import { Replication } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { type Context, UntilAsked } from "./context.ts";
import { killable } from "./killable-client.ts";
import { SubjectLog } from "./log.ts";
import type { FollowSubject } from "./options.ts";
import { say } from "./say.ts";

export async function follow(options: FollowSubject, context: Context): Promise<void> {
  const { kill, random } = context;
  const newestMs = new Map<string, number>();
  const bare = new Map<string, ReplicaClient>();
  for (const [number, folder] of options.replicas.entries())
    bare.set(String(number), await file.open({ url: `file://${folder}`, settings: {}, env: {} }));
  const log = new SubjectLog((replica) => {
    const client = bare.get(replica);
    if (client === undefined) throw new Error(`there is no replica ${replica}`);
    return client;
  });
  const { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs } = options;
  const intervals = { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs };
  const stored = (name: string, modifiedAt: Date): void => {
    newestMs.set(name, Math.max(newestMs.get(name) ?? 0, modifiedAt.getTime()));
  };
  const replication = await Replication.start({
    logger: log.logger,
    databases: [
      {
        path: options.database,
        tuning: options.tuning,
        replicas: [...bare].map(([name, client]) => ({
          name,
          client: killable(client, kill, random, (at) => stored(name, at)),
          ...intervals,
        })),
      },
    ],
  });
  const asked = new UntilAsked(context);
  say("started");
  kill.phase = "run";
  const reader = new DatabaseSync(options.database, { readOnly: true, timeout: 5000 });
  const last = reader.prepare("select max(seq) as seq from ledger");
  await asked.repeat(options.ackEveryMs, async () => {
    const seq = Number(last.get()?.["seq"] ?? 0);
    await replication.sync();
    say(`acked ${seq} ${[...bare.keys()].map((name) => newestMs.get(name) ?? 0).join(" ")}`);
  });
  reader.close();
  await replication.stop();
  await log.settled();
}
