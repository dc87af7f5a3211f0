// The replica that restores are measured on: made once by Litestream 0.3.13 itself, kept in `.cache/bench`.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { cacheFolder } from "@litewake-tooling/testkit";
import { minioClient } from "@litewake-tooling/emulators";
import { configure, contender, type Place, replicate } from "./contenders.ts";
import { minio } from "@litewake-tooling/emulators";

export interface Fixture {
  /** The replica, as a folder. */
  readonly replica: string;
  /** The database that it is of. */
  readonly database: string;
}

const SEGMENTS = 970;
const DATABASE_BYTES = 154 << 20;
const RANDOM_PART = 0.5;

/** Half of it can be compressed and half cannot, as with most data. */
function body(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes, "compressible ");
  const random = Math.floor(bytes * RANDOM_PART);
  for (let i = 0; i < random; i++) buffer[i] = Math.random() * 256;
  return buffer;
}

function segmentsIn(folder: string): number {
  if (!fs.existsSync(folder)) return 0;
  return fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".wal.lz4"))
    .length;
}

/** A database of 154 MB and 970 segments, by 0.3.13. Takes two minutes the first time. */
export async function fixture(say: (line: string) => void): Promise<Fixture> {
  const folder = path.join(cacheFolder, "bench");
  const made = { replica: path.join(folder, "replica"), database: path.join(folder, "bench.db") };
  if (fs.existsSync(path.join(folder, "done"))) return made;
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  say(`making the replica that is restored: ${DATABASE_BYTES >> 20} MB and ${SEGMENTS} segments, by Litestream 0.3.13`);
  const database = new DatabaseSync(made.database, { timeout: 30_000 });
  database.exec(
    "pragma journal_mode=wal; pragma synchronous=off; create table event(id integer primary key, key text, body blob)",
  );
  const insert = database.prepare("insert into event(key, body) values (?, ?)");
  const update = database.prepare("update event set body = ? where id = ?");
  database.exec("begin");
  for (let bytes = 0, n = 0; bytes < DATABASE_BYTES; bytes += 3600, n++) insert.run(`key-${n}`, body(3500));
  database.exec("commit; pragma wal_checkpoint(truncate)");
  const rows = Number(database.prepare("select count(*) as n from event").get()?.["n"]);
  const who = await contender("0.3.13");
  const place: Place = { kind: "file", folder: made.replica };
  const config = configure(who, path.join(folder, "bench.yml"), [{ path: made.database, place }], {
    syncIntervalMs: 20,
  });
  fs.writeFileSync(
    config,
    fs.readFileSync(config, "utf8").replace("    replicas:", "    monitor-interval: 20ms\n    replicas:"),
  );
  const running = await replicate(who, config);
  try {
    await running.waitFor(/snapshot written|write snapshot/, 60_000);
    while (segmentsIn(made.replica) < SEGMENTS) {
      database.exec("begin");
      for (let n = 0; n < 12; n++) update.run(body(3500), 1 + Math.floor(Math.random() * rows));
      database.exec("commit");
      await new Promise((resolve) => setTimeout(resolve, 45));
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  } finally {
    await running.stop();
    database.close();
  }
  fs.writeFileSync(path.join(folder, "done"), "");
  return made;
}

/** Puts the replica into the bucket, under a prefix. */
export async function uploadFixture({ replica }: Fixture, prefix: string): Promise<void> {
  const client = minioClient();
  const names = fs.readdirSync(replica, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = names.map((entry) => path.join(entry.parentPath, entry.name));
  const workers = Array.from({ length: 8 }, async () => {
    for (let file = files.pop(); file !== undefined; file = files.pop()) {
      await client.fPutObject(minio.bucket, `${prefix}/${path.relative(replica, file)}`, file);
    }
  });
  await Promise.all(workers);
}

/** Bytes and objects of a folder. */
export function sizeOf(folder: string): { readonly bytes: number; readonly files: number } {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = entries.reduce((sum, entry) => sum + fs.statSync(path.join(entry.parentPath, entry.name)).size, 0);
  return { bytes, files: entries.length };
}
