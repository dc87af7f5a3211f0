// An application that spreads rows over shards and a dead letter queue, and what its databases are judged by.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { shardFor } from "../writers/fnv.ts";
import { ManagedProcess } from "./managed-process.ts";

const program = path.join(import.meta.dirname, "../writers/sharded.ts");

/** The writer's command; `keys` 0: it writes until it is killed. It prints `started PID`, and `done` at its end. */
export function shardedWriterCommand(
  folder: string,
  shards: number,
  seed: number,
  keys = 0,
  ledger = "",
  pauseMs = 1,
): string[] {
  return [
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    program,
    folder,
    shards,
    seed,
    keys,
    ledger,
    pauseMs,
  ].map(String);
}

/** A process that writes to the shards and the queue. */
export async function spawnShardedWriter(
  folder: string,
  shards: number,
  seed: number,
  keys = 0,
): Promise<ManagedProcess> {
  const [command = "", ...args] = shardedWriterCommand(folder, shards, seed, keys);
  const writer = new ManagedProcess(command, args);
  await writer.waitFor(/^started /);
  return writer;
}

/** The keys in a database of the sharded writer, in the order in which they were committed; none where there is no file. */
export function keysIn(file: string): string[] {
  if (!fs.existsSync(file)) return [];
  const database = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  try {
    return database
      .prepare("select key from event order by rowid")
      .all()
      .map(({ key }) => String(key));
  } finally {
    database.close();
  }
}

export interface ShardVerdict {
  /** Keys in all shards together. */
  readonly events: number;
  /** Keys in the queue. */
  readonly queued: number;
  /** Keys that the queue has and their shard has not. */
  readonly torn: number;
  /** Keys in another shard than theirs. */
  readonly misplaced: number;
}

export function judgeShards(folder: string, count: number): ShardVerdict {
  const shards = Array.from({ length: count }, (_, n) => new Set(keysIn(path.join(folder, `shard_${n}.db`))));
  const queue = keysIn(path.join(folder, "dlq.db"));
  const torn = queue.filter((key) => !(shards[shardFor(key, count)]?.has(key) ?? false)).length;
  let misplaced = 0;
  for (const [n, keys] of shards.entries()) for (const key of keys) misplaced += shardFor(key, count) === n ? 0 : 1;
  return { events: shards.reduce((sum, keys) => sum + keys.size, 0), queued: queue.length, torn, misplaced };
}
