// How many snapshots go to one store at the same time.
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { SnapshotLimits } from "../../src/shipping/snapshot-limits.ts";

const SMALL = 1 << 20;
const LARGE = 1 << 30;
const { signal } = new AbortController();

it("sixteen at a time, of which four large ones; large ones that wait keep no small one waiting", async () => {
  const limits = new SnapshotLimits();
  const large: (() => void)[] = [];
  const small: (() => void)[] = [];
  const ask = (held: (() => void)[], count: number, bytes: number) => {
    for (let i = 0; i < count; i++) void limits.take(bytes, signal).then((leave) => held.push(leave));
  };
  ask(large, 20, LARGE);
  await setImmediate();
  expect(large).toHaveLength(4);
  ask(small, 20, SMALL);
  await setImmediate();
  expect(small).toHaveLength(12);
  large[0]?.();
  await setImmediate();
  // Its place among all goes to who waited first, the large one's to the next large one behind them.
  expect([large.length, small.length]).toEqual([4, 13]);
  for (const leave of small.splice(0)) leave();
  await setImmediate();
  expect([large.length, small.length]).toEqual([5, 7]);
});

it("whoever gives up waiting takes no place", async () => {
  const limits = new SnapshotLimits();
  const held = await Promise.all(Array.from({ length: 16 }, () => limits.take(SMALL, signal)));
  await expect(limits.take(LARGE, AbortSignal.abort())).rejects.toMatchObject({ code: "Aborted" });
  const leaving = new AbortController();
  const waiting = Array.from({ length: 4 }, () => limits.take(LARGE, leaving.signal));
  await setImmediate();
  leaving.abort();
  for (const one of waiting) await expect(one).rejects.toMatchObject({ code: "Aborted" });
  for (const leave of held) leave();
  // All four places of large ones are free again.
  await Promise.all(Array.from({ length: 4 }, () => limits.take(LARGE, signal)));
});
