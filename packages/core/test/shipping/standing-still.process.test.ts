// A look at the database while it stands still: what is seen is exactly what a restore to that place brings back, under
// writers and checkpoints; and nobody who needs the hold waits for it.
import fs from "node:fs";
import { memoryClient } from "@litewake/conformance";
import { spawnWriter, tempDir } from "@litewake-tooling/testkit";
import { DatabaseSync } from "node:sqlite";
import { expect, it, vi } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { readFully } from "../../src/drill/page-hashes.ts";
import { silent } from "../../src/logger.ts";
import { restore } from "../../src/restore/restore.ts";
import { Replication } from "../../src/shipping/replication.ts";
import { LookInterrupted, type StandingFile } from "../../src/shipping/standing-still.ts";

const LOOKS = 8;
/** Fast, and not so fast that a restore takes longer and longer. */
const AT_WORK = { rate: 600, payloadBytes: 400, touchEvery: 3, reportEvery: 50, busyTimeoutMs: 10_000 };
const never = new AbortController().signal;

function replicate(path: string, client: ReplicaClient): Promise<Replication> {
  const intervals = {
    syncIntervalMs: 100,
    snapshotIntervalMs: 700,
    retentionMs: 0,
    retentionCheckIntervalMs: 3_600_000,
  };
  return Replication.start({
    databases: [{ path, replicas: [{ name: "one", client, ...intervals }] }],
    logger: silent,
  });
}

async function copyOf({ descriptor, sizeBytes }: StandingFile): Promise<Buffer> {
  const bytes = Buffer.alloc(sizeBytes);
  // In pieces, with turns between: long enough for anybody who could change the file.
  for (let at = 0; at < sizeBytes; at += 65_536) {
    readFully(descriptor, bytes.subarray(at, at + 65_536), at);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return bytes;
}

it("sees what a restore to its place brings back, byte for byte, beside a writer that checkpoints", async () => {
  using folder = tempDir("still");
  const path = folder.join("app.db");
  const client = memoryClient();
  await using writer = await spawnWriter("node-sqlite", path, { ...AT_WORK, checkpoint: "RESTART:150" });
  await writer.reached(200);
  const replication = await replicate(path, client);
  let interrupted = 0;
  for (let n = 0; n < LOOKS;) {
    const before = writer.committed();
    const seen = await replication.look(path, "one", never, copyOf).catch((error: unknown) => {
      // A snapshot was due.
      if (!(error instanceof LookInterrupted)) throw error;
      interrupted += 1;
      return undefined;
    });
    if (seen === undefined) continue;
    const output = folder.join(`restored-${n}`);
    const { position } = await restore({ replicas: [{ name: "one", client }], output, target: { place: seen.place } });
    const { generation, index, offset } = seen.place;
    expect(position).toEqual({ generation, index, offset });
    expect(Buffer.compare(fs.readFileSync(output), seen.value)).toBe(0);
    using restored = new DatabaseSync(output, { readOnly: true });
    const last = Number(restored.prepare("select max(seq) as seq from ledger").get()?.["seq"]);
    // What was committed before the look is in it.
    expect(last).toBeGreaterThanOrEqual(before);
    n += 1;
  }
  await writer.stop();
  await replication.stop();
  expect(interrupted).toBeLessThan(LOOKS * 4);
}, 120_000);

it("lets go of the file when somebody else needs it, and when following ends", async () => {
  using folder = tempDir("still");
  const path = folder.join("app.db");
  using db = new DatabaseSync(path);
  db.exec("pragma journal_mode=wal; create table t(x); insert into t values (1)");
  const replication = await replicate(path, memoryClient());
  await replication.sync();
  const waiting = (_file: StandingFile, signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  let looking = false;
  const first = replication.look(path, "one", never, (file, signal) => ((looking = true), waiting(file, signal)));
  first.catch(() => {});
  await vi.waitFor(() => expect(looking).toBe(true), 10_000);
  const second = await replication.look(path, "one", never, async () => "seen");
  expect(second?.value).toBe("seen");
  await expect(first).rejects.toBeInstanceOf(LookInterrupted);

  expect(await replication.look(path, "other", never, async () => "seen")).toBeUndefined();
  expect(await replication.look(folder.join("none.db"), "one", never, async () => "seen")).toBeUndefined();

  const third = replication.look(path, "one", never, waiting);
  third.catch(() => {});
  await replication.stop();
  await expect(third).rejects.toBeInstanceOf(LookInterrupted);
});
