// Moments that chance finds once in a thousand runs, brought about on purpose: a commit inside a step of the follower, a
// rotation inside a put.
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { MemoryClient, memoryClient } from "@litewake/conformance";
import { collect } from "../../../conformance/src/bytes.ts";
import { compressAll, decompressAll } from "../../src/codec/lz4-stream.ts";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { ReplicaError } from "../../src/backend/error.ts";
import { overriding } from "../../src/backend/overriding.ts";
import type { FollowerTuning } from "../../src/database/follower-options.ts";
import { silent } from "../../src/logger.ts";
import { restore } from "../../src/restore/restore.ts";
import { Replication } from "../../src/shipping/replication.ts";
import { type Step, watchSteps } from "../../src/steps.ts";

const HOUR_MS = 3_600_000;
let folder: TempDir;
let application: DatabaseSync;

beforeEach(() => {
  folder = tempDir("races");
  application = new DatabaseSync(folder.join("app.db"));
  application.exec("pragma journal_mode=wal; pragma synchronous=off; create table t(n integer primary key, body)");
});

afterEach(() => {
  watchSteps(undefined);
  application.close();
  folder[Symbol.dispose]();
});

const commit = () => application.exec("insert into t(body) values (randomblob(2000))");
const rows = (database: DatabaseSync): unknown => database.prepare("select count(*) as n from t").get()?.["n"];

function start(
  client: ReplicaClient,
  tuning: Partial<FollowerTuning>,
  { snapshotIntervalMs = 0, syncIntervalMs = 10 } = {},
): Promise<Replication> {
  const upkeep = { snapshotIntervalMs, retentionMs: 0, retentionCheckIntervalMs: HOUR_MS };
  const replica = { name: "memory", client, syncIntervalMs, ...upkeep };
  return Replication.start({
    databases: [{ path: folder.join("app.db"), replicas: [replica], tuning }],
    logger: silent,
  });
}

const saltsOf = (wal: string): Buffer => fs.readFileSync(wal).subarray(16, 24);

async function restoredRows(client: ReplicaClient): Promise<unknown> {
  const output = folder.join("back.db");
  await restore({ replicas: [{ name: "memory", client }], output, integrityCheck: "full" });
  using back = new DatabaseSync(output, { readOnly: true });
  return rows(back);
}

it("a commit between the last look and the freeze for a snapshot is shipped before that snapshot", async () => {
  const client = memoryClient();
  let looks = 0;
  let writing = true;
  watchSteps((step) => {
    // The log was looked at; not each time, since a rotation needs a moment without a commit.
    if (step === "look" && writing && looks++ % 2 > 0) commit();
  });
  const replication = await start(client, { rotateFromBytes: 16 << 10, moveEveryMs: 1000 }, { snapshotIntervalMs: 20 });
  const writer = setInterval(commit, 3);
  const snapshots = async (): Promise<number> => {
    let count = 0;
    for await (const { key } of client.list("generations/")) count += key.includes("/snapshots/") ? 1 : 0;
    return count;
  };
  await vi.waitFor(async () => expect(await snapshots()).toBeGreaterThan(20), { timeout: 20_000, interval: 20 });
  clearInterval(writer);
  writing = false;
  await replication.stop();
  expect(await restoredRows(client)).toBe(rows(application));
});

/** A client whose puts of some keys read their body, and are then held until `goOn`; `storing` resolves at the first of them. */
function heldPut(inner: ReplicaClient, isHeld: (key: string) => boolean) {
  let begun: () => void = () => {};
  const storing = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let goOn: () => void = () => {};
  const goingOn = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const client = overriding(inner, {
    put: async (key, body, options) => {
      if (!isHeld(key)) return inner.put(key, body, options);
      const chunks: Uint8Array[] = [];
      if (body instanceof Uint8Array) chunks.push(body);
      else for await (const chunk of body) chunks.push(chunk.slice());
      begun();
      await goingOn;
      return inner.put(key, Buffer.concat(chunks), options);
    },
  });
  return { client, storing, goOn: () => goOn() };
}

it("a rotation while the first segment of an index that the snapshot covers is being stored keeps that segment's name", async () => {
  for (let n = 0; n < 20; n++) commit();
  const memory = memoryClient();
  const { client, storing, goOn } = heldPut(memory, (key) => key.endsWith("/wal/00000000_00000000.wal.lz4"));
  const steps: Step[] = [];
  watchSteps((step) => steps.push(step));
  const replication = await start(client, {
    rotateFromBytes: 4096,
    moveEveryMs: 1,
  });
  await storing;
  // The follower holds mark 0 and all is written back, so the next commit restarts the WAL.
  expect(steps).not.toContain("bridge:released");
  commit();
  await vi.waitFor(() => expect(steps).toContain("bridge:released"), { timeout: 10_000, interval: 5 });
  goOn();
  for (let n = 0; n < 20; n++) commit();
  await replication.sync();
  expect(replication.failure).toBeUndefined();
  await replication.stop();
  expect(await restoredRows(memory)).toBe(41);
});

it.each([10, 300])(
  "a rotation just before the first segment is read, all of it in the snapshot, does not end the generation (sync each %i ms)",
  async (syncIntervalMs) => {
    // Whether the follower has written all back by then is a matter of milliseconds: tried until it has.
    const attempt = async (): Promise<boolean> => {
      const client = memoryClient();
      const steps: Step[] = [];
      let restarted: boolean | undefined;
      watchSteps((step) => {
        steps.push(step);
        // While nothing is to be kept for the replica the follower rotates: what it then writes back is in the snapshot alone.
        if (step === "generation:begun") for (let n = 0; n < 20; n++) commit();
        if (step !== "segment:synced" || restarted !== undefined) return;
        const before = saltsOf(`${folder.join("app.db")}-wal`);
        commit();
        restarted = !saltsOf(`${folder.join("app.db")}-wal`).equals(before);
      });
      const replication = await start(client, { rotateFromBytes: 20_000, moveEveryMs: 1 }, { syncIntervalMs });
      await vi.waitFor(() => expect(restarted).toBeDefined(), { timeout: 10_000, interval: 5 });
      for (let n = 0; n < 5; n++) {
        commit();
        await replication.sync();
      }
      await replication.stop();
      expect(steps.filter((step) => step === "generation:begun")).toHaveLength(1);
      for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(folder.join(`back.db${suffix}`), { force: true });
      expect(await restoredRows(client)).toBe(rows(application));
      return restarted === true;
    };
    let hasRestarted = false;
    for (let n = 0; n < 20 && !hasRestarted; n++) hasRestarted = await attempt();
    expect(hasRestarted).toBe(true);
  },
);

it("a truncation before the first segment is read, all of it in the snapshot, and no commit after it, leaves nothing pending", async () => {
  for (let n = 0; n < 20; n++) commit();
  application.exec("pragma wal_checkpoint(passive)");
  const client = memoryClient();
  const steps: Step[] = [];
  watchSteps((step) => {
    steps.push(step);
    if (step === "generation:begun") application.exec("pragma wal_checkpoint(truncate)");
  });
  // Nothing is kept beside the WAL.
  const replication = await start(client, { spoolLimitBytes: 0 });
  expect(fs.statSync(`${folder.join("app.db")}-wal`).size).toBe(0);
  await replication.sync({ signal: AbortSignal.timeout(10_000) });
  expect(await restoredRows(client)).toBe(20);
  commit();
  await replication.sync();
  await replication.stop();
  expect(steps.filter((step) => step === "generation:begun")).toHaveLength(1);
  for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(folder.join(`back.db${suffix}`), { force: true });
  expect(await restoredRows(client)).toBe(21);
});

it("a rotation while the first snapshot of a generation is being stored does not end that generation", async () => {
  for (let n = 0; n < 20; n++) commit();
  application.exec("pragma wal_checkpoint(passive)");
  const memory = memoryClient();
  const { client, storing, goOn } = heldPut(memory, (key) => key.includes("/snapshots/"));
  const steps: Step[] = [];
  watchSteps((step) => steps.push(step));
  const starting = start(client, {});
  await storing;
  commit();
  await vi.waitFor(() => expect(steps).toContain("bridge:released"), { timeout: 10_000, interval: 5 });
  goOn();
  const replication = await starting;
  for (let n = 0; n < 5; n++) {
    commit();
    await replication.sync();
  }
  await replication.stop();
  expect(steps.filter((step) => step === "generation:begun")).toHaveLength(1);
  expect(await restoredRows(memory)).toBe(26);
});

it("a truncation of the WAL between the first look and the decision at a start ships no WAL under two indexes", async () => {
  const client = memoryClient();
  let replication = await start(client, {});
  for (let n = 0; n < 20; n++) commit();
  await replication.stop();
  const truncate = vi.fn<() => void>(() => application.exec("pragma wal_checkpoint(truncate)"));
  watchSteps((step) => {
    if (step === "resume:read") truncate();
  });
  replication = await start(client, { moveEveryMs: 1 });
  expect(truncate).toHaveBeenCalledTimes(1);
  for (let n = 0; n < 5; n++) {
    commit();
    await replication.sync();
  }
  expect(await restoredRows(client)).toBe(25);
  await replication.stop();
});

/** A store that dates its objects in whole seconds, as most do. */
function wholeSeconds(client: ReplicaClient): ReplicaClient {
  const floor = (date: Date): Date => new Date(Math.floor(date.getTime() / 1000) * 1000);
  return overriding(client, {
    async *list(prefix, call) {
      for await (const object of client.list(prefix, call)) yield { ...object, modifiedAt: floor(object.modifiedAt) };
    },
    put: async (key, body, call) => {
      const result = await client.put(key, body, call);
      return { ...result, modifiedAt: floor(result.modifiedAt) };
    },
  });
}

it("a new generation shares no second of the store's clock with the one before", async () => {
  const client = wholeSeconds(memoryClient());
  let replication = await start(client, {});
  commit();
  await replication.stop();
  loseContinuity();
  replication = await start(client, {});
  await replication.stop();
  const dates = new Map<string, number[]>();
  for await (const { key, modifiedAt } of client.list("generations/")) {
    const generation = key.split("/")[1] ?? "";
    dates.set(generation, [...(dates.get(generation) ?? []), modifiedAt.getTime()]);
  }
  expect(dates.size).toBe(2);
  const [older = [], newer = []] = [...dates.values()].sort((a, b) => Math.min(...a) - Math.min(...b));
  expect(Math.min(...newer)).toBeGreaterThan(Math.max(...older));
  expect(await restoredRows(client)).toBe(4);
});

it("a snapshot whose answer was lost is stored, and not put again and again", async () => {
  const inner = memoryClient();
  const puts: string[] = [];
  const client = overriding(inner, {
    put: async (key, body, call) => {
      if (!key.includes("/snapshots/")) return inner.put(key, body, call);
      puts.push(key);
      const result = await inner.put(key, body, call);
      if (puts.length !== 2) return result;
      clearInterval(writer);
      throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason: "the connection broke" });
    },
  });
  const replication = await start(client, {}, { snapshotIntervalMs: 200 });
  const writer = setInterval(commit, 3);
  await vi.waitFor(() => expect(puts.length).toBeGreaterThan(2), { timeout: 20_000, interval: 20 });
  // Time for more tries, had this one not settled it.
  await sleep(2000);
  await replication.stop();
  expect(puts.filter((key) => key === puts[1])).toHaveLength(2);
  expect(await restoredRows(client)).toBe(rows(application));
});

it("a snapshot that another process left under our name stops the replica", async () => {
  const inner = memoryClient();
  const client = overriding(inner, {
    put: async (key, body, call) => {
      const stranger = Buffer.from("no snapshot of ours");
      if (key.includes("/snapshots/") && !key.endsWith("00000000.snapshot.lz4")) await inner.put(key, stranger);
      return inner.put(key, body, call);
    },
  });
  const replication = await start(client, { rotateFromBytes: 16 << 10 }, { snapshotIntervalMs: 200 });
  const writer = setInterval(commit, 3);
  const failed = () => replication.status[0]?.replicas[0];
  await vi.waitFor(() => expect(failed()?.state).toBe("failed"), { timeout: 20_000, interval: 20 });
  clearInterval(writer);
  expect(failed()?.error).toMatch(/snapshots\/.* was written by another process/);
  await replication.stop().catch(() => {});
});

it("a put of a process that was killed, which comes in late and ends elsewhere, is known for a piece of the same log", async () => {
  const store = new MemoryClient();
  let late: { readonly key: string; readonly bytes: Uint8Array } | undefined;
  let isAway = false;
  const first = await start(
    overriding(store, {
      async put(key, body, options) {
        if (!isAway) return store.put(key, body, options);
        if (body instanceof Uint8Array) late = { key, bytes: body.slice() };
        throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason: "no answer" });
      },
    }),
    {},
  );
  commit();
  await first.sync();
  isAway = true;
  commit();
  await vi.waitFor(() => expect(late).toBeDefined(), { timeout: 20_000, interval: 5 });
  // As with a process that is killed, the log goes on where it is.
  using reader = new DatabaseSync(folder.join("app.db"));
  reader.exec("begin; select count(*) from t");
  await first.stop({ signal: AbortSignal.abort() }).catch(() => {});
  for (let n = 0; n < 3; n++) commit();
  const second = await start(
    overriding(store, {
      async put(key, body, options) {
        if (key === late?.key && !store.objects.has(key)) await store.put(key, late.bytes);
        return store.put(key, body, options);
      },
    }),
    {},
  );
  await second.sync({ signal: AbortSignal.timeout(20_000) });
  expect(second.failure).toBeUndefined();
  commit();
  await second.sync({ signal: AbortSignal.timeout(20_000) });
  expect(await restoredRows(store)).toBe(6);
  await second.stop();
});

it("a page that is committed again between the mark and its write-back is in the snapshot as it was at the mark", async () => {
  const memory = memoryClient();
  // The snapshot alone is what is restored, as after a crash before its first segment.
  const client = overriding(memory, {
    put: async (key, body, options) => {
      if (!key.includes("/wal/")) return memory.put(key, body, options);
      throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason: "not yet" });
    },
  });
  application.exec("pragma wal_autocheckpoint=0");
  for (let n = 0; n < 20; n++) commit();
  let looks = 0;
  let disturbed = 0;
  watchSteps((step) => {
    // So that there is something to move to.
    if (step === "look" && looks++ < 20) commit();
    // A checkpoint leaves out every page whose newest version lies behind the mark, older versions too.
    if (step === "move:released" && disturbed++ < 3) commit();
  });
  const replication = await start(client, { moveEveryMs: 1000 });
  await vi.waitFor(() => expect(replication.status[0]?.replicas[0]?.position).toBeDefined(), { timeout: 20_000 });
  expect(disturbed).toBeGreaterThan(0);
  // Whole rows, no page older or newer than the others: `full` looks at each.
  expect(await restoredRows(memory)).toBeGreaterThanOrEqual(20);
  await replication.stop({ signal: AbortSignal.abort() }).catch(() => {});
});

/** Ends the history: written back and restarted twice while nobody follows, nothing proves that the next WAL goes on. */
function loseContinuity(): void {
  for (let n = 0; n < 2; n++) {
    commit();
    application.exec("pragma wal_checkpoint(truncate)");
  }
  commit();
}

it("a put of a killed process that comes in late does not make its history the newest", async () => {
  const store = memoryClient();
  const late: { key: string; body: Uint8Array }[] = [];
  // Nothing of the first process's last segment has arrived when it dies, nor of the second's whole history.
  const dying = (isLost: (key: string) => boolean): ReplicaClient =>
    overriding(store, {
      put: async (key, body, options) => {
        if (!isLost(key)) return store.put(key, body, options);
        late.push({ key, body: body instanceof Uint8Array ? body : await collect(body) });
        throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason: "no answer" });
      },
    });
  const stopAtOnce = (replication: Replication) => replication.stop({ signal: AbortSignal.abort() }).catch(() => {});
  let first = true;
  let replication = await start(
    dying((key) => !first && key.includes("/wal/")),
    {},
  );
  commit();
  await replication.sync();
  first = false;
  commit();
  await vi.waitFor(() => expect(late.length).toBeGreaterThan(0), { timeout: 5000, interval: 5 });
  await stopAtOnce(replication);
  loseContinuity();
  replication = await start(
    dying((key) => key.includes("/snapshots/")),
    {},
  );
  await vi.waitFor(() => expect(late.some(({ key }) => key.includes("/snapshots/"))).toBe(true), {
    timeout: 10_000,
    interval: 5,
  });
  await stopAtOnce(replication);
  loseContinuity();
  replication = await start(store, {});
  await replication.sync();
  await replication.stop();
  for (const { key, body } of late) await store.put(key, body).catch(() => {});
  expect(await restoredRows(store)).toBe(rows(application));
  // The next process knows better too, and goes on in the newest history.
  commit();
  const before = new Set<string>();
  for await (const { key } of store.list("generations/")) before.add(key.split("/")[1] ?? "");
  replication = await start(store, {});
  await replication.stop();
  const after = new Set<string>();
  for await (const { key } of store.list("generations/")) after.add(key.split("/")[1] ?? "");
  expect(after.size).toBe(before.size);
  for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(folder.join(`back.db${suffix}`), { force: true });
  expect(await restoredRows(store)).toBe(rows(application));
});

it("a late put that replaces the first segment of the next process, on a store without conditions, is seen and mended", async () => {
  const client = memoryClient({ putIfAbsent: false });
  commit();
  let replication = await start(client, {});
  commit();
  await replication.sync();
  await replication.stop();
  const keysNow = async (): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of client.list("generations/")) if (key.endsWith(".wal.lz4")) keys.push(key);
    return keys;
  };
  const before = await keysNow();
  const steps: Step[] = [];
  watchSteps((step) => steps.push(step));
  replication = await start(client, { retryWait: (ms) => ms / 20 });
  for (let n = 0; n < 3; n++) {
    commit();
    await replication.sync();
  }
  expect(steps).not.toContain("generation:begun");
  const [first = ""] = (await keysNow()).filter((key) => !before.includes(key));
  const plain = decompressAll(await collect(await client.get(first)));
  // As the process before had it under way: less was committed then.
  await client.put(first, compressAll(plain.subarray(0, 32 + 4120)));
  await vi.waitFor(() => expect(steps).toContain("generation:written"), { timeout: 10_000, interval: 5 });
  await replication.sync();
  await replication.stop();
  expect(steps.filter((step) => step === "generation:begun")).toHaveLength(1);
  expect(await restoredRows(client)).toBe(5);
});

it("a history that goes on although another one was begun does not go on unnamed: the other one's snapshot comes in late", async () => {
  const client = memoryClient();
  for (let n = 0; n < 20; n++) commit();
  await (await start(client, {})).stop();
  let blind = true;
  const late: { key: string; bytes: Uint8Array }[] = [];
  const network = overriding(client, {
    async *list(prefix, call) {
      // A listing that was older than the objects, as stores have given them.
      if (!blind) yield* client.list(prefix, call);
      blind = false;
    },
    put: async (key, body, call) => {
      if (!key.includes("/snapshots/") || late.length > 0) return client.put(key, body, call);
      late.push({ key, bytes: body instanceof Uint8Array ? body : await collect(body) });
      throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason: "the request timed out" });
    },
  });
  const replication = await start(network, { retryWait: () => 10 });
  for (let n = 0; n < 3; n++) {
    commit();
    await replication.sync();
  }
  await replication.stop();
  for (const { key, bytes } of late) await client.put(key, bytes);
  expect(late).toHaveLength(1);
  expect(await restoredRows(client)).toBe(23);
});

it("an older note of what was begun, as a power loss leaves it, ends no history that has taken its place already", async () => {
  const client = memoryClient();
  for (let n = 0; n < 20; n++) commit();
  await (await start(client, {})).stop();
  const stateFile = folder.join(".app.db-litewake/state.json");
  const older = fs.readFileSync(stateFile, "utf8");
  const state = JSON.parse(older) as { begun: Record<string, string[]> };
  const [[url, names] = ["", []]] = Object.entries(state.begun);
  // Begun, and killed before its snapshot was stored.
  const lost = "00000000deadbeef";
  const noted = JSON.stringify({ ...state, begun: { [url]: [...names, lost] } });
  fs.writeFileSync(stateFile, noted);
  const steps: Step[] = [];
  watchSteps((step) => steps.push(step));
  const replication = await start(client, {});
  commit();
  await replication.sync();
  expect(steps.filter((step) => step === "generation:begun")).toHaveLength(1);
  await replication.stop();
  // The file is as it was before that start.
  fs.writeFileSync(stateFile, noted);
  const again = await start(client, {});
  commit();
  await again.sync();
  await again.stop();
  expect(steps.filter((step) => step === "generation:begun")).toHaveLength(1);
  expect(await restoredRows(client)).toBe(22);
});
