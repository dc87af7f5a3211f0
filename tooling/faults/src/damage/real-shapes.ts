// Replicas as the programs themselves write them: Litewake, Litestream 0.3.13 and, in its own format, Litestream 0.5.17.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { Replication, silent } from "@litewake/core";
import { file } from "@litewake/file";
import { type LitestreamVersion, startLitestreamReplicate, tempDir } from "@litewake-tooling/testkit";
import { type Random, seeded } from "../../../testkit/writers/random.ts";
import type { Objects, StoredObject } from "./objects.ts";
import { type Shape, shapeOf } from "./shapes.ts";
import { FIRST_MS, STEP_MS } from "./ship.ts";

const COMMITS = 60;
const PAUSE_MS = 40;

/** Both in one process: node:sqlite is one copy of SQLite, with one set of locks. */
export async function litewakeShape(seed: number): Promise<Shape> {
  using folder = tempDir("damage-litewake");
  using application = new Application(folder.join("app.db"), seeded(seed));
  const root = folder.join("replica");
  const replication = await Replication.start({
    newHistory: false,
    logger: silent,
    databases: [
      {
        path: application.path,
        tuning: { rotateFromBytes: 60_000 },
        replicas: [
          {
            name: "replica",
            client: await file.open({ url: `file://${root}`, settings: {}, env: {} }),
            syncIntervalMs: 100,
            snapshotIntervalMs: 900,
            retentionMs: 86_400_000,
            retentionCheckIntervalMs: 3_600_000,
          },
        ],
      },
    ],
  });
  await application.work();
  await replication.sync();
  await replication.stop();
  return shapeOf("litewake", objectsIn(root), "full");
}

export async function litestreamShape(seed: number): Promise<Shape> {
  const objects = await byLitestream("0.3.13", seed, {
    databaseSettings: ["min-checkpoint-page-count: 15", "checkpoint-interval: 500ms"],
    replicaSettings: ["snapshot-interval: 1s"],
  });
  return shapeOf("litestream-0.3.13", objects, "none");
}

/** LTX files: nothing that Litewake could restore. */
export async function ltxReplica(seed: number): Promise<Objects> {
  return byLitestream("0.5.17", seed, {});
}

async function byLitestream(
  version: LitestreamVersion,
  seed: number,
  settings: { readonly databaseSettings?: readonly string[]; readonly replicaSettings?: readonly string[] },
): Promise<Objects> {
  using folder = tempDir("damage-litestream");
  using application = new Application(folder.join("app.db"), seeded(seed));
  const root = folder.join("replica");
  await using running = await startLitestreamReplicate(version, application.path, root, {
    syncIntervalMs: 50,
    ...settings,
  });
  await application.work();
  await sleep(500);
  await running.stop();
  return objectsIn(root);
}

class Application implements Disposable {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #random: Random;

  constructor(file: string, random: Random) {
    this.path = file;
    this.#random = random;
    this.#db = new DatabaseSync(file);
    this.#db.exec("pragma page_size=1024; pragma journal_mode=wal; pragma busy_timeout=5000");
    this.#db.exec(
      "create table t(id integer primary key, x blob); create index i on t(x); insert into t(x) values (x'00')",
    );
  }

  async work(): Promise<void> {
    const insert = this.#db.prepare("insert into t(x) values (?)");
    for (let n = 0; n < COMMITS; n++) {
      this.#db.exec("begin immediate");
      insert.run(this.#random.bytes(100 + this.#random.below(700)));
      if (n % 4 === 3) this.#db.exec(`update t set x = x || x'01' where id % 5 = ${n % 5}`);
      if (n % 9 === 8) this.#db.exec(`delete from t where id % 7 = ${n % 7}`);
      this.#db.exec("commit");
      await sleep(PAUSE_MS);
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

/** A second lies between two objects, in the order in which they were stored. */
function objectsIn(root: string): Objects {
  const names = fs.readdirSync(root, { recursive: true, encoding: "utf8" });
  const files = names
    .filter((name) => /\.(lz4|ltx)$/.test(name))
    .map((name) => {
      const at = fs.statSync(path.join(root, name), { bigint: true }).mtimeNs;
      return { name, at, bytes: fs.readFileSync(path.join(root, name)) };
    });
  files.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.name < b.name ? -1 : 1));
  const dated = files.map(({ name, bytes }, n): [string, StoredObject] => [
    name,
    { bytes, modifiedAt: new Date(FIRST_MS + n * STEP_MS) },
  ]);
  return new Map(dated);
}
