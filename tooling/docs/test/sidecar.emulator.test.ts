// examples/sidecar as it stands, and the script as users of Litestream have it, with the program's name replaced: boot on an empty
// store, be killed and lose the disk, boot again, be stopped, boot again.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { minio, minioClient } from "@litewake-tooling/emulators";
import { ManagedProcess, repositoryRoot, type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const example = path.join(repositoryRoot, "examples/sidecar");
const BUCKET = "my-litejoin-backups";
const names = [...Array(8).keys()].map((n) => `shard_${n}`).concat("dlq");

/** The application: adds a row to each database at each start and each 50 ms, and ends at SIGTERM with a last one. */
const LITEJOIN = `#!/usr/bin/env node
const { DatabaseSync } = require("node:sqlite");
const databases = ${JSON.stringify(names)}.map((name) => new DatabaseSync("data/" + name + ".db", { timeout: 2000 }));
for (const db of databases) db.exec("pragma journal_mode = wal; create table if not exists events(id integer primary key, what text)");
const add = (what) => databases.forEach((db) => db.prepare("insert into events(what) values (?)").run(what));
add("boot");
process.on("SIGTERM", () => { add("last"); process.exit(0); });
console.log("litejoin has", databases.map((db) => db.prepare("select count(*) as n from events where what = 'boot'").get().n).join(" "), "boots");
setInterval(() => add("event"), 50);
`;

/** As users have it today: no \`set -e\`, a loop over the shards alone. */
const TODAY = `#!/bin/bash
# Restore all shards from replica (skips if local file exists)
for i in $(seq 0 7); do
  litewake restore -if-db-not-exists \\
    -o ./data/shard_$i.db \\
    s3://${BUCKET}/shard_$i
done

# Start replicate, exec LiteJoin as child process
exec litewake replicate -exec "litejoin run -c litejoin.yaml"
`;

let folder: TempDir;
const booted: ManagedProcess[] = [];

async function emptyBucket(): Promise<void> {
  const s3 = minioClient();
  if (!(await s3.bucketExists(BUCKET))) await s3.makeBucket(BUCKET);
  const found: string[] = [];
  for await (const { name } of s3.listObjectsV2(BUCKET, "", true)) found.push(String(name));
  await s3.removeObjects(BUCKET, found);
}

beforeEach(async () => {
  folder = tempDir("sidecar");
  fs.mkdirSync(folder.join("bin"));
  fs.writeFileSync(folder.join("bin/litejoin"), LITEJOIN, { mode: 0o755 });
  await emptyBucket();
});

afterEach(async () => {
  for (const running of booted.splice(0)) if (running.running) await killAll(running);
  await emptyBucket();
  folder.remove();
});

function boot(script: string, config = path.join(example, "litestream.yml")): ManagedProcess {
  fs.mkdirSync(folder.join("data"), { recursive: true });
  // A group of their own, so that all of it can be killed at once.
  const running = new ManagedProcess("setsid", ["bash", script], {
    cwd: folder.path,
    env: {
      PATH: [folder.join("bin"), path.join(repositoryRoot, "node_modules/.bin"), process.env["PATH"]].join(
        path.delimiter,
      ),
      LITEWAKE_CONFIG: undefined,
      LITESTREAM_CONFIG: config,
      AWS_ENDPOINT_URL_S3: minio.endpoint,
      AWS_ACCESS_KEY_ID: minio.accessKeyId,
      AWS_SECRET_ACCESS_KEY: minio.secretAccessKey,
    },
  });
  booted.push(running);
  return running;
}

const loseDisk = (): void => fs.rmSync(folder.join("data"), { recursive: true });
const boots = (n: number): RegExp => new RegExp(`litejoin has ${names.map(() => n).join(" ")} boots`);

/** Resolves when so many databases have shipped all that is committed now: the second segment from now on was begun after now. */
async function shipped(databases = names.length): Promise<void> {
  const since = Date.now();
  await expect
    .poll(
      async () => {
        const fresh = new Map<string, number>();
        for await (const { name, lastModified } of minioClient().listObjectsV2(BUCKET, "", true)) {
          const [shard = ""] = String(name).split("/");
          if (/\/wal\//.test(String(name)) && new Date(lastModified ?? 0).getTime() > since)
            fresh.set(shard, (fresh.get(shard) ?? 0) + 1);
        }
        return [...fresh.values()].filter((count) => count >= 2).length;
      },
      { timeout: 30_000, interval: 200 },
    )
    .toBe(databases);
}

/** Replication and its application at once, as they go with their container. */
async function killAll(running: ManagedProcess): Promise<void> {
  process.kill(-running.pid, "SIGKILL");
  await running.ended;
}

describe("the sidecar", () => {
  it("boots on an empty store, comes back after a kill and after a stop with what was shipped", async () => {
    const script = path.join(example, "run.sh");
    const first = boot(script);
    await first.waitFor(boots(1), 60_000);
    await shipped();
    await killAll(first);
    loseDisk();

    const second = boot(script);
    await second.waitFor(boots(2), 60_000);
    await shipped();
    expect(await second.stop(), second.output()).toEqual({ code: 0, signal: null });
    loseDisk();

    const third = boot(script);
    await third.waitFor(boots(3), 60_000);
    for (const name of names) {
      const db = new DatabaseSync(folder.join("data", `${name}.db`), { readOnly: true });
      // The commit that the application made in answer to SIGTERM.
      expect(db.prepare("select count(*) as n from events where what = 'last'").get(), name).toEqual({ n: 1 });
      db.close();
    }
    await third.stop();
  });

  it("does not start the application when the store does not answer", async () => {
    const script = fs
      .readFileSync(path.join(example, "run.sh"), "utf8")
      .replaceAll("restore -if", "restore -patience 0 -if");
    fs.writeFileSync(folder.join("run.sh"), script);
    const running = boot(folder.join("run.sh"));
    await running.waitFor(boots(1), 60_000);
    await running.stop();
    loseDisk();
    fs.writeFileSync(folder.join("run.sh"), `export AWS_SECRET_ACCESS_KEY=wrong-secret-key\n${script}`);
    const refused = boot(folder.join("run.sh"));
    expect(await refused.ended).toEqual({ code: 4, signal: null });
    expect(refused.output()).toContain("the secret access key is wrong");
    expect(refused.output()).not.toContain("litejoin has");
  });
});

it("the script as users of Litestream have it runs with the program's name replaced", async () => {
  fs.writeFileSync(folder.join("run.sh"), TODAY);
  // As theirs: one entry for each shard and no more.
  const [shards = ""] = fs
    .readFileSync(path.join(example, "litestream.yml"), "utf8")
    .split("  # What could not be processed");
  fs.writeFileSync(folder.join("litestream.yml"), shards);
  const first = boot(folder.join("run.sh"), folder.join("litestream.yml"));
  await first.waitFor(boots(1), 60_000);
  await shipped(8);
  await killAll(first);
  loseDisk();
  const second = boot(folder.join("run.sh"), folder.join("litestream.yml"));
  const line = await second.waitFor(/litejoin has [\d ]+ boots/, 60_000);
  // What is not replicated is not there again.
  expect(line).toContain(`${Array(8).fill(2).join(" ")} 1 boots`);
  expect(await second.stop()).toEqual({ code: 0, signal: null });
});
