// Encrypted replicas both ways with stock Litestream 0.3.13, byte for byte; 0.5 does not do age.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  runLitestream,
  spawnWorkload,
  spawnWriter,
  startLitestreamReplicate,
  tempDir,
} from "@litewake-tooling/testkit";
import { file } from "@litewake/file";
import { describe, expect, it } from "vitest";
import { encrypted } from "../../src/encryption.ts";
import { restore } from "../../src/restore/restore.ts";
import { keyPair, loadKeys } from "../encryption/age-fixtures.ts";
import { generationsIn, objectsIn, startReplicator } from "../fixtures/replica-run.ts";

const mine = await keyPair();
const others = await keyPair();
const same = (a: string, b: string) => Buffer.compare(fs.readFileSync(a), fs.readFileSync(b)) === 0;
const ageLine = (identities: readonly string[], recipients: readonly string[]) =>
  `age: {identities: ${JSON.stringify(identities)}, recipients: ${JSON.stringify(recipients)}}`;

function theirs(database: string, replica: string, output: string, age: string, flags: readonly string[] = []) {
  const config = `dbs:\n  - path: ${database}\n    replicas:\n      - path: ${replica}\n        ${age}\n`;
  return runLitestream("0.3.13", ["restore", ...flags, "-o", output, database], { config });
}

async function ours(replica: string, output: string, identities: readonly string[]): Promise<void> {
  const store = await file.open({ url: `file://${replica}`, settings: {}, env: {} });
  const client = encrypted(store, await loadKeys(identities, []));
  await restore({ replicas: [{ name: "replica", client }], output, integrityCheck: "full" });
}

function expectAllEncrypted(replica: string): void {
  const objects = objectsIn(replica, "");
  expect(objects.length).toBeGreaterThan(3);
  for (const name of objects) {
    const head = fs.readFileSync(path.join(replica, name)).subarray(0, 22).toString("latin1");
    expect(head, name).toBe("age-encryption.org/v1\n");
  }
}

describe("what we ship encrypted", () => {
  it.each([
    ["for one recipient", [mine.recipient]],
    ["for two, of which it has the second's identity", [others.recipient, mine.recipient]],
  ])("Litestream 0.3.13 restores, %s, over several rotations", async (_how, recipients) => {
    using folder = tempDir("age");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await (await spawnWriter("node-sqlite", database, { commits: 1 })).finished();
    await using replicator = await startReplicator({
      database,
      replicas: [`file://${replica}`],
      age: { identities: [mine.identity], recipients },
      tuning: { rotateFromBytes: 100_000 },
    });
    const workload = await spawnWorkload(database, { steps: 100, pauseMs: 15, maxBlobBytes: 1_000_000 });
    await workload.finished();
    await replicator.stop();
    expectAllEncrypted(replica);
    expect(generationsIn(replica)).toHaveLength(1);
    const mineFile = folder.join("mine.db");
    await ours(replica, mineFile, [mine.identity]);
    const theirFile = folder.join("theirs.db");
    const result = await theirs(database, replica, theirFile, ageLine([mine.identity], [mine.recipient]));
    expect(result.code, result.stdout + result.stderr).toBe(0);
    expect(same(mineFile, theirFile)).toBe(true);
    // Proof that there was something to open.
    const without = await theirs(database, replica, folder.join("without.db"), ageLine([others.identity], []));
    expect(without.code).toBe(recipients.includes(others.recipient) ? 0 : 1);
  });
});

describe("what Litestream 0.3.13 ships encrypted", () => {
  it("we restore, and go on with in the same generation; then it restores both", async () => {
    using folder = tempDir("age-theirs");
    const database = folder.join("app.db");
    const replica = folder.join("replica");
    await (await spawnWriter("node-sqlite", database, { commits: 1 })).finished();
    const running = await startLitestreamReplicate("0.3.13", database, replica, {
      replicaSettings: [ageLine([mine.identity], [others.recipient, mine.recipient])],
      databaseSettings: ["checkpoint-interval: 1s"],
    });
    const workload = await spawnWorkload(database, { steps: 60, pauseMs: 30, maxBlobBytes: 300_000 });
    await workload.finished();
    await sleep(500);
    await running.stop();
    expectAllEncrypted(replica);
    const before = generationsIn(replica);

    const mineFile = folder.join("mine.db");
    await ours(replica, mineFile, [mine.identity]);
    const theirFile = folder.join("theirs.db");
    expect((await theirs(database, replica, theirFile, ageLine([mine.identity], []))).code).toBe(0);
    expect(same(mineFile, theirFile)).toBe(true);

    {
      const age = { identities: [mine.identity], recipients: [mine.recipient] };
      await using replicator = await startReplicator({ database, replicas: [`file://${replica}`], age });
      await (await spawnWriter("node-sqlite", database, { commits: 5 })).finished();
      await replicator.synced();
      await replicator.stop();
    }
    expect(generationsIn(replica)).toEqual(before);
    expectAllEncrypted(replica);
    fs.rmSync(mineFile);
    fs.rmSync(theirFile);
    await ours(replica, mineFile, [mine.identity]);
    expect((await theirs(database, replica, theirFile, ageLine([mine.identity], []))).code).toBe(0);
    expect(same(mineFile, theirFile)).toBe(true);
  });
});

it("Litestream 0.5 refuses age keys, and calls an encrypted replica damaged", async () => {
  using folder = tempDir("age-05");
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  await (await spawnWriter("node-sqlite", database, { commits: 3 })).finished();
  const age = { identities: [mine.identity], recipients: [mine.recipient] };
  {
    await using replicator = await startReplicator({ database, replicas: [`file://${replica}`], age });
    await replicator.synced();
    await replicator.stop();
  }
  const config = `dbs:\n  - path: ${database}\n    replica:\n      path: ${replica}\n      ${ageLine(age.identities, age.recipients)}\n`;
  const refused = await runLitestream("0.5.17", ["restore", "-o", folder.join("out.db"), database], { config });
  expect(refused.code).not.toBe(0);
  expect(refused.stdout + refused.stderr).toMatch(/age/i);
  const url = await runLitestream("0.5.17", ["restore", "-o", folder.join("out.db"), `file://${replica}`]);
  expect(url.code).not.toBe(0);
  expect(fs.existsSync(folder.join("out.db"))).toBe(false);
});
