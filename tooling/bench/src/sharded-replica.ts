// A fleet's replica in the bucket, to be restored.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { minio } from "@litewake-tooling/emulators";
import { contender } from "./contenders.ts";
import { measured } from "./process.ts";

const SHARD_BYTES = 8 << 20;

/** Ships shards of 8 MB once; their prefix in the bucket. */
export async function shardedReplica(
  shards: number,
  folder: string,
  say: (line: string) => void,
): Promise<{ readonly prefix: string; readonly bytes: number }> {
  const made = path.join(folder, "fleet");
  fs.mkdirSync(path.join(made, "data"), { recursive: true });
  for (let n = 0; n < shards; n++) {
    const database = new DatabaseSync(path.join(made, `data/shard_${n}.db`));
    database.exec("pragma journal_mode=wal; create table event(id integer primary key, body blob); begin");
    const insert = database.prepare("insert into event(body) values (randomblob(2000))");
    for (let bytes = 0; bytes < SHARD_BYTES; bytes += 2050) insert.run();
    database.exec("commit");
    database.close();
  }
  const prefix = `bench/fleet-${Date.now()}`;
  const config = path.join(made, "bench.yml");
  const url = `s3://${minio.bucket}/${prefix}?endpoint=${minio.endpoint}&region=${minio.region}`;
  fs.writeFileSync(
    config,
    `data_dir: ${path.join(made, "data")}\nreplication:\n  enabled: true\n  shard_count: ${shards}\n  dlq: false\n  replica_url: "${url}"\n`,
  );
  const who = await contender("litewake");
  await measured([...who.command, "replicate", "-once", "-config", config], who.environment);
  say(`${shards} shards of ${SHARD_BYTES >> 20} MB are in the bucket`);
  return { prefix, bytes: shards * SHARD_BYTES };
}
