// The schedule of drills, with a stand-in for the database and the restore: what each outcome leads to.
import fs from "node:fs";
import { type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readNotes, writeNote } from "../../src/drill/drill-notes.ts";
import { Drills, type DrillTarget, type ProveRestorable } from "../../src/drill/drills.ts";
import { LitewakeError } from "../../src/errors.ts";
import type { Generation } from "../../src/replica/position.ts";
import type { Replication } from "../../src/shipping/replication.ts";
import { LookInterrupted } from "../../src/shipping/standing-still.ts";

const generation = "0123456789abcdef" as Generation;
const place = { generation, index: 1, offset: 4152, snapshot: 0 };
const at = new Date("2026-01-02T03:04:05Z");
const proof = { position: { generation, index: 1, offset: 4152 }, pages: 7, bytesFetched: 99 };

let folder: TempDir;
let said: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[];
let descriptor: number;

beforeEach(() => {
  folder = tempDir("drills");
  said = [];
  fs.writeFileSync(folder.join("db"), Buffer.alloc(8192));
  descriptor = fs.openSync(folder.join("db"), "r");
});
afterEach(() => {
  fs.closeSync(descriptor);
  folder.remove();
});

const target = (name: string, intervalMs = 100): DrillTarget => ({
  path: `/data/${name}.db`,
  name: "file",
  url: `file:///${name}`,
  intervalMs,
  metaFolder: folder.join(`meta-${name}`),
});

const look: Replication["look"] = async (_path, _replica, signal, work) => {
  const value = await work({ descriptor, sizeBytes: 8192, pageSize: 4096 }, signal);
  return { value, place, at, heldMs: 3 };
};

const start = (targets: readonly DrillTarget[], prove: ProveRestorable, how: Replication["look"] = look): Drills =>
  new Drills({
    look: how,
    targets: () => targets,
    prove,
    logger: (level, message, fields = {}) => said.push({ level, message, fields }),
  });

const leftIn = (name: string): string[] =>
  fs.existsSync(folder.join(`meta-${name}`)) ? fs.readdirSync(folder.join(`meta-${name}`)) : [];

describe("a drill", () => {
  it("that proves: status, log, note; again after the interval; nothing left", async () => {
    const one = target("a");
    let held = 0;
    await using drills = start([one], async (_target, task) => {
      held += 1;
      expect(fs.statSync(task.hashes).size).toBe(32);
      expect(task).toMatchObject({ place, pageSize: 4096, sizeBytes: 8192 });
      return proof;
    });
    await vi.waitFor(() => expect(held).toBeGreaterThan(2), 10_000);
    expect(drills.status(one.path, one.name)).toMatchObject({
      outcome: "proved",
      reason: null,
      proved: { position: proof.position, moment: at.toISOString() },
      pages: 7,
      bytesFetched: 99,
      heldMs: 3,
      runs: { failed: 0, "not-made": 0 },
    });
    expect(said[0]).toMatchObject({
      level: "info",
      message: "proved restorable",
      fields: { db: one.path, replica: "file", position: `${generation}/00000001:4152`, moment: at.toISOString() },
    });
    expect(readNotes(one.metaFolder).get(one.url)).toMatchObject({ outcome: "proved" });
    expect(drills.status(one.path, "other")).toBeUndefined();
    await drills[Symbol.asyncDispose]();
    expect(leftIn("a")).toEqual(["drills.json"]);
  });

  it.each(["damaged", "no-backup"] as const)(
    "that fails (%s) is an error, and the proof before it is kept",
    async (kind) => {
      const one = target("a");
      let n = 0;
      await using drills = start([one], async () => {
        if (n++ === 0) return proof;
        throw new LitewakeError(kind, "something is gone");
      });
      await vi.waitFor(() => expect(drills.status(one.path, one.name)?.outcome).toBe("failed"), 10_000);
      expect(drills.status(one.path, one.name)).toMatchObject({
        reason: "something is gone",
        proved: { position: proof.position },
      });
      expect(said[1]).toMatchObject({
        level: "error",
        message: "a drill failed: the replica does not bring the database back",
        fields: { db: one.path, replica: "file", error: "something is gone" },
      });
    },
  );

  it.each(["unreachable", "database", "refused", "usage", "internal"] as const)(
    "that cannot be made (%s) is a warning, and is tried again before the interval is over",
    async (kind) => {
      const one = target("a", 200);
      await using drills = start([one], () => Promise.reject(new LitewakeError(kind, "not now")));
      await vi.waitFor(() => expect(drills.status(one.path, one.name)?.runs["not-made"]).toBeGreaterThan(1), 10_000);
      expect(drills.status(one.path, one.name)).toMatchObject({ outcome: "not-made", reason: "not now", proved: null });
      expect(said[0]).toMatchObject({ level: "warn", message: "no drill this time", fields: { reason: "not now" } });
    },
  );

  it("of a database that is not there yet is not made", async () => {
    const one = target("a");
    await using drills = start(
      [one],
      async () => proof,
      async () => undefined,
    );
    await vi.waitFor(() => expect(drills.status(one.path, one.name)?.outcome).toBe("not-made"), 10_000);
    expect(said[0]?.fields["reason"]).toBe(
      "the database is not followed yet, or the replica has no snapshot of it yet",
    );
  });

  it("that somebody needed the file during is tried again at once; too often, it is not made", async () => {
    const one = target("a");
    let looks = 0;
    await using drills = start(
      [one],
      async () => proof,
      async (...args) => {
        if (looks++ < 2) throw new LookInterrupted();
        return look(...args);
      },
    );
    await vi.waitFor(() => expect(drills.status(one.path, one.name)?.outcome).toBe("proved"), 10_000);
    expect(looks).toBe(3);
    await drills[Symbol.asyncDispose]();
    const two = target("b");
    await using never = start(
      [two],
      async () => proof,
      () => Promise.reject(new LookInterrupted()),
    );
    await vi.waitFor(() => expect(never.status(two.path, two.name)?.outcome).toBe("not-made"), 20_000);
    expect(never.status(two.path, two.name)?.reason).toBe("the database had to be let go");
  });

  it("is ended by a stop, and leaves nothing", async () => {
    const one = target("a");
    const drills = start([one], (_target, _task, signal) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    });
    await vi.waitFor(() => expect(leftIn("a")).toHaveLength(1), 10_000);
    await drills[Symbol.asyncDispose]();
    expect(leftIn("a")).toEqual([]);
    expect(said).toEqual([]);
  });
});

describe("the schedule", () => {
  it("holds one at a time, and each in its turn", async () => {
    const targets = ["a", "b", "c", "d"].map((name) => target(name, 120));
    const counts = new Map<string, number>();
    let running = 0;
    let most = 0;
    await using drills = start(targets, async ({ path }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running -= 1;
      counts.set(path, (counts.get(path) ?? 0) + 1);
      return proof;
    });
    await vi.waitFor(() => {
      expect(counts.size).toBe(4);
      expect(Math.min(...counts.values())).toBeGreaterThan(2);
    }, 20_000);
    await drills[Symbol.asyncDispose]();
    expect(most).toBe(1);
    expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThan(3);
  });

  it("goes on after a restart where it was: what was proved is known, and not due again yet", async () => {
    const one = target("a", 60_000);
    const note = { outcome: "failed" as const, endedAt: new Date().toISOString(), reason: "before", proved: null };
    writeNote(one.metaFolder, one.url, note);
    let held = 0;
    await using drills = start([one], async () => (held++, proof));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(held).toBe(0);
    expect(drills.status(one.path, one.name)).toMatchObject({ outcome: "failed", reason: "before" });
  });

  it("is none without an interval; what a killed process left goes all the same", async () => {
    const one = target("a", 100);
    await using drills = start([one], (_target, _task, signal) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    });
    await vi.waitFor(() => expect(leftIn("a")).toHaveLength(1), 10_000);
    await using later = start([target("a", 0)], async () => proof);
    expect(leftIn("a")).toEqual([]);
    expect(said.at(-1)).toMatchObject({ level: "info", message: "what a killed drill has left behind is gone" });
    expect(later.status(one.path, one.name)).toBeUndefined();
    expect(drills.status(one.path, one.name)?.outcome).toBeNull();
  });
});
