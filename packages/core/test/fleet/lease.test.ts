// The lease of a replica root: one holder, an owner that is waited out, refused, found dead, or taken over from.
import { setTimeout as sleep } from "node:timers/promises";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ReplicaClient } from "../../src/backend/client.ts";
import { ReplicaError } from "../../src/backend/error.ts";
import { overriding } from "../../src/backend/overriding.ts";
import { retrying } from "../../src/backend/retry.ts";
import { Lease, type LeaseOptions } from "../../src/fleet/lease.ts";
import { leased } from "../../src/fleet/leased.ts";
import { thisOwner } from "../../src/fleet/owner.ts";
import { createOwn } from "../../src/replica/own-object.ts";
import { openStore } from "../fixtures/fleet-run.ts";

const TTL_MS = 600;
const never = new AbortController().signal;
const body = new TextEncoder().encode("x");
let folder: TempDir;
let client: ReplicaClient;
let lines: string[];
const open: Lease[] = [];

beforeEach(async () => {
  folder = tempDir("lease");
  client = await openStore(folder.path);
  lines = [];
});

afterEach(async () => {
  for (const lease of open.splice(0)) await lease.release();
  folder.remove();
});

function lease(more: Partial<LeaseOptions> = {}): Lease {
  const one = new Lease({
    client,
    ttlMs: TTL_MS,
    logger: (level, message, fields) => lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
    ...more,
  });
  open.push(one);
  return one;
}

/** Leaves a lease as the owner given would. */
async function left(number: number, owner: object): Promise<void> {
  await createOwn(client, `litewake/lease/${String(number).padStart(12, "0")}.json`, {
    version: 1,
    owner: { ...thisOwner(), ...owner },
    ttlMs: TTL_MS,
    released: false,
  });
}

const elsewhere = { id: "other", host: "pod-7", pid: 12, space: "another machine" };

async function numbers(): Promise<number[]> {
  const found: number[] = [];
  for await (const { key } of client.list("litewake/lease/")) found.push(Number(/(\d+)\.json$/.exec(key)?.[1]));
  return found;
}

describe("a lease", () => {
  it("is had at once where nobody holds it, is renewed while it is held, and leaves few objects", async () => {
    const one = lease();
    await one.acquire(never);
    await vi.waitFor(async () => expect((await numbers()).at(-1)).toBeGreaterThan(6), {
      timeout: 15_000,
      interval: 50,
    });
    one.require("put");
    const held = await numbers();
    expect(held.length).toBeLessThanOrEqual(5);
    expect(lines).toEqual([]);
    for await (const { key } of client.list("litewake/probe/")) expect(key).toBe("gone");
  });

  it("is had although the answers to its first puts got lost, and a client that tries again meets what it stored", async () => {
    let lost = 0;
    const forgetful = overriding(client, {
      async put(key, value, options) {
        const result = await client.put(key, value, options);
        if (lost++ > 0) return result;
        throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason: "the answer was lost" });
      },
    });
    const one = lease({ client: retrying(forgetful, { firstDelayMs: 1 }) });
    await one.acquire(never);
    one.require("put");
    expect(lost).toBeGreaterThan(1);
    expect(lines).toEqual([]);
  });

  it("is handed over at once by a release", async () => {
    const one = lease({ ttlMs: 3_600_000 });
    await one.acquire(never);
    await one.release();
    await lease({ ttlMs: 3_600_000 }).acquire(never);
    expect(lines).toEqual([]);
  });

  it("of a live process is refused to another, naming the owner", async () => {
    await lease().acquire(never);
    await expect(lease().acquire(never)).rejects.toThrow(
      new RegExp(
        `is written to by process ${process.pid} on .*, which is alive: stop that one first, or take over from it with -take-over`,
      ),
    );
    expect(lines[0]).toMatch(
      /^info another process holds the lease of this replica; waiting until it runs out .*"seconds":1/,
    );
  });

  it("of a process on another host that does not renew is waited out, then taken over, saying so", async () => {
    await left(7, elsewhere);
    const started = performance.now();
    await lease().acquire(never);
    expect(performance.now() - started).toBeGreaterThan(TTL_MS * 0.7);
    expect(lines.map((line) => line.replace(/ \{.*/, ""))).toEqual([
      "info another process holds the lease of this replica; waiting until it runs out",
      "warn the lease of another process has run out; it is taken over",
    ]);
    expect(lines.join()).toContain("process 12 on pod-7");
    expect((await numbers()).at(-1)).toBe(8);
  });

  it("of a process that is on its way out is waited for, however often that renews it", async () => {
    // Another host's, so that its owner cannot be looked at.
    let number = 1;
    const renew = (flags: object): Promise<boolean> =>
      createOwn(client, `litewake/lease/${String(number++).padStart(12, "0")}.json`, {
        version: 1,
        owner: { ...thisOwner(), ...elsewhere },
        ttlMs: TTL_MS,
        released: false,
        ...flags,
      });
    await renew({});
    const next = lease();
    const had = next.acquire(never);
    for (let n = 0; n < 5; n++) {
      await sleep(TTL_MS / 3);
      await renew({ ending: true });
    }
    await renew({ ending: true, released: true });
    await had;
    next.require("put");
    expect((await numbers()).at(-1)).toBe(number);
    expect(lines.filter((line) => line.startsWith("warn"))).toEqual([]);
  });

  it("that ran out long ago is taken at once, by the store's clock", async () => {
    await left(1, elsewhere);
    await sleep(TTL_MS + 50);
    await lease().acquire(never);
    expect(lines.map((line) => line.replace(/ \{.*/, ""))).toEqual([
      "warn the lease of another process has run out; it is taken over",
    ]);
  });

  it("of a process on this host that is dead is taken at once: gone, or its number given to another", async () => {
    await left(1, { id: "dead", pid: 2 ** 22 + 1 });
    const first = lease({ ttlMs: 60_000 });
    await first.acquire(never);
    await first.release();
    await left(3, { id: "dead", began: "1" });
    await lease({ ttlMs: 60_000 }).acquire(never);
  });

  it("is taken over without waiting by whoever insists; the other starts no request from then on", async () => {
    const one = lease();
    await one.acquire(never);
    const guarded = leased(client, one);
    await guarded.put("a", body);
    await lease({ takeOver: true }).acquire(never);
    await sleep(TTL_MS / 2);
    await expect(guarded.put("b", body)).rejects.toThrow(
      /the lease of file:.* was taken over by process \d+ on .*: this process writes nothing more/,
    );
    await expect(guarded.delete(["a"])).rejects.toMatchObject({ kind: "refused" });
    expect(lines.at(-1)).toMatch(/^error the lease of .* was taken over/);
  });

  it("that cannot be renewed ends by this process's own clock, and is had again when the store answers", async () => {
    let down = false;
    const shaky = overriding(client, {
      put: async (key, bytes, options) => {
        if (down) throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason: "no route" });
        return client.put(key, bytes, options);
      },
    });
    const one = lease({ client: shaky });
    await one.acquire(never);
    down = true;
    await sleep(TTL_MS + 50);
    expect(() => one.require("put", "a")).toThrow(/the lease of this replica could not be renewed yet/);
    down = false;
    await vi.waitFor(() => one.require("put", "a"), { timeout: 10_000, interval: 20 });
  });

  it("is not kept where the store ignores the condition: a warning, and everything goes on", async () => {
    const careless = overriding(client, {
      put: (key, bytes, { ifAbsent: _ignored, ...options } = {}) => client.put(key, bytes, options),
    });
    const one = lease({ client: careless });
    await one.acquire(never);
    await leased(careless, one).put("a", body);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^warn the store cannot put an object only if it is absent/);
  });

  it("goes to one of many that want it at the same moment", async () => {
    const all = Array.from({ length: 8 }, () => lease());
    const results = await Promise.allSettled(all.map((one) => one.acquire(never)));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("is not had again by a process that wakes late, though the number that it wants was deleted long ago", async () => {
    let away = false;
    const shaky = overriding(client, {
      put: async (key, bytes, options) => {
        if (away) throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason: "no route" });
        return client.put(key, bytes, options);
      },
    });
    const one = lease({ client: shaky });
    await one.acquire(never);
    away = true;
    await sleep(TTL_MS + 50);
    for (let number = 2; number <= 9; number++) await left(number, elsewhere);
    await client.delete([1, 2, 3, 4].map((number) => `litewake/lease/${String(number).padStart(12, "0")}.json`));
    away = false;
    const guarded = leased(shaky, one);
    await vi.waitFor(() => expect(lines.join()).toContain("was taken over by process 12 on pod-7"), {
      timeout: 10_000,
    });
    await expect(guarded.put("a", body)).rejects.toMatchObject({ kind: "refused" });
    expect((await numbers()).at(-1)).toBe(9);
  });

  it("taken over from an owner that does not answer is held only when that one may write no more", async () => {
    await left(1, elsewhere);
    const started = performance.now();
    await lease({ takeOver: true }).acquire(never);
    expect(performance.now() - started).toBeGreaterThan(TTL_MS * 0.8);
  });

  it("of a process that died while it took over is waited out: the owner before it may not know yet", async () => {
    await createOwn(client, "litewake/lease/000000000002.json", {
      version: 1,
      owner: { ...thisOwner(), id: "dead", pid: 2 ** 22 + 1 },
      ttlMs: TTL_MS,
      released: false,
      waiting: true,
    });
    const started = performance.now();
    const one = lease();
    await one.acquire(never);
    expect(performance.now() - started).toBeGreaterThan(TTL_MS * 0.8);
    expect(one.contested).toBe(true);
  });

  it("is contested after an owner that did not give it up, and after one whose end was not clean", async () => {
    const first = lease();
    await first.acquire(never);
    expect(first.contested).toBe(false);
    await first.release({ clean: false });
    const second = lease();
    await second.acquire(never);
    expect(second.contested).toBe(true);
    second.settled();
    await second.release();
    const third = lease();
    await third.acquire(never);
    expect(third.contested).toBe(false);
  });

  it("is waited for no longer than its life, though the store's clock was set back", async () => {
    await left(1, elsewhere);
    const ahead = overriding(client, {
      async *list(prefix, options) {
        for await (const object of client.list(prefix, options))
          yield { ...object, modifiedAt: new Date(object.modifiedAt.getTime() + 3_600_000) };
      },
    });
    await lease({ client: ahead }).acquire(AbortSignal.timeout(10_000));
  });

  it("is not disturbed by what bears another name, and says which object is none", async () => {
    await client.put("litewake/lease/zzz.json", body);
    await client.put("litewake/lease/000000000001.json.bak", body);
    const one = lease();
    await one.acquire(never);
    await one.release();
    await client.put("litewake/lease/000000000777.json", body);
    await expect(lease().acquire(never)).rejects.toThrow(
      /^the lease file:.*\/000000000777\.json cannot be read: if no process writes to this replica, delete it$/,
    );
    await client.put("litewake/lease/999999999999.json", body);
    await expect(lease().acquire(never)).rejects.toThrow(/999999999999\.json has a number that no renewal ever gets/);
  });

  it("ends a large object that is under way: no part of it is sent after its end", async () => {
    const one = lease();
    await one.acquire(never);
    let sent = 0;
    const slow = async function* (): AsyncGenerator<Uint8Array> {
      for (; sent < 1000; sent++) {
        yield body;
        await sleep(20);
      }
    };
    const putting = leased(client, one).put("large", slow());
    putting.catch(() => {});
    await lease({ takeOver: true }).acquire(never);
    const then = sent;
    await expect(putting).rejects.toThrow(/taken over|ended meanwhile|could not be renewed/);
    await sleep(100);
    expect(sent - then).toBeLessThanOrEqual(1);
    expect(sent).toBeLessThan(1000);
  });
});
