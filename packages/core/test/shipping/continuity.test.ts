// Each rule of continuity as a case that would be decided wrongly without it. Pure: WAL bytes built here, no database.
import { describe, expect, it } from "vitest";
import { Epoch } from "../../src/database/epoch.ts";
import type { FileIdentity } from "../../src/database/live-database.ts";
import type { LocalState } from "../../src/database/local-state.ts";
import type { Generation } from "../../src/replica/position.ts";
import { decideContinuity, type LocalEvidence } from "../../src/shipping/continuity.ts";
import type { ShippedTail } from "../../src/shipping/shipped-tail.ts";
import { frameBytes, offsetOfFrames } from "../../src/wal/frame.ts";
import { parseWalHeader } from "../../src/wal/header.ts";
import { buildWal, type FrameSpec } from "../wal/wal-builder.ts";

const PAGE = 512;
const SIZE = frameBytes(PAGE);
const URL = "memory://replica";
const generation = "fd6faaf1f3752b45" as Generation;
const identity: FileIdentity = { ino: "7", size: 8 * PAGE, mtimeNs: "1", ctimeNs: "1" };

const commit = (page: number, seed = page): FrameSpec => ({ page, commitPages: 8, data: content(seed) });
const part = (page: number, seed = page): FrameSpec => ({ page, data: content(seed) });
const content = (seed: number) => Uint8Array.from({ length: PAGE }, (_, i) => (i * 3 + seed * 17) & 255);

/** The log that was followed: salt-1 10, five commits on pages 1 to 5. */
const old = { pageSize: PAGE, salt1: 10, salt2: 77 };
const oldFrames = [1, 2, 3, 4, 5].map((page) => commit(page));
const oldWal = buildWal(old, oldFrames);

/** A replica that holds the first `frames` frames of index 3. */
function shipped(frames: number, wal: Uint8Array = oldWal, more: Partial<ShippedTail> = {}): ShippedTail {
  const offset = offsetOfFrames(frames, PAGE);
  return {
    generation,
    fence: undefined,
    index: 3,
    offset,
    lastFrame: frames > 0 ? wal.slice(offset - SIZE, offset) : undefined,
    header: frames === 0 ? wal.slice(0, 32) : undefined,
    newestSnapshot: { index: 0, at: new Date(0) },
    updatedAt: new Date(0),
    ...more,
  };
}

interface Local {
  readonly wal?: Uint8Array;
  /** Frames that SQLite counts. */
  readonly log?: number;
  readonly state?: LocalState;
  readonly identity?: FileIdentity;
  readonly empty?: boolean;
  /** Pages of the database file that differ from what the old log last wrote. */
  readonly pages?: Readonly<Record<number, Uint8Array>>;
}

function local(options: Local): LocalEvidence {
  const wal = options.wal ?? new Uint8Array(0);
  return {
    identity: options.identity ?? identity,
    empty: options.empty ?? false,
    state: options.state ?? { version: 1 },
    epoch: new Epoch(0, PAGE),
    log: options.log ?? 0,
    header: parseWalHeader(wal),
    walBytes: wal.byteLength,
    readWal: (into, offset) => {
      const bytes = wal.subarray(offset, offset + into.byteLength);
      into.set(bytes);
      return bytes.byteLength;
    },
    readPage: (page) => options.pages?.[page] ?? content(page),
    pageSize: PAGE,
  };
}

/** The old WAL after one restart, with `frames` of the new one grown over its beginning. */
function restartedOnce(frames: readonly FrameSpec[], under: Uint8Array = oldWal): Uint8Array {
  const wal = under.slice();
  wal.set(buildWal({ pageSize: PAGE, salt1: 11, salt2: 99 }, frames));
  return wal;
}

const decide = (tail: ShippedTail, options: Local) => decideContinuity(tail, URL, local(options));

describe("the same WAL", () => {
  it("goes on where the last frame shipped stands byte for byte", () => {
    expect(decide(shipped(3), { wal: oldWal, log: 5 })).toMatchObject({
      kind: "same-wal",
      index: 3,
      offset: offsetOfFrames(3, PAGE),
    });
  });

  it("goes on after a header-only segment", () => {
    expect(decide(shipped(0), { wal: oldWal, log: 5 })).toMatchObject({ kind: "same-wal", offset: 32 });
  });

  it("has diverged when that frame is another one, though the salts are equal: an older copy went its own way", () => {
    const other = buildWal(old, [commit(1), commit(2), commit(6, 9), commit(4), commit(5)]);
    const found = decide(shipped(3), { wal: other, log: 5 });
    expect(found).toMatchObject({ kind: "unproven", standing: "unknown" });
    expect(found).toHaveProperty("reason", expect.stringContaining("diverged"));
  });

  it("is older when SQLite counts fewer frames than were shipped, though they stand in the file", () => {
    expect(decide(shipped(5), { wal: oldWal, log: 2 })).toMatchObject({ kind: "unproven", standing: "older" });
  });

  it("was reset and not written since: the next WAL is the next index", () => {
    expect(decide(shipped(5), { wal: oldWal, log: 0 })).toMatchObject({ kind: "next-wal", index: 4 });
  });

  it("was reset with commits that were never shipped: unproven", () => {
    expect(decide(shipped(3), { wal: oldWal, log: 0 })).toMatchObject({ kind: "unproven" });
  });
});

describe("one restart while nobody followed", () => {
  it("is bridged when everything was shipped and the last frame still stands", () => {
    const wal = restartedOnce([commit(1)]);
    expect(decide(shipped(5), { wal, log: 1 })).toMatchObject({
      kind: "next-wal",
      index: 4,
      previous: { end: offsetOfFrames(5, PAGE) },
    });
  });

  it("gives the old WAL's unshipped tail, up to the end of the file", () => {
    const wal = restartedOnce([commit(1)]);
    expect(decide(shipped(3), { wal, log: 1 })).toMatchObject({
      kind: "old-tail",
      index: 3,
      tail: { end: offsetOfFrames(5, PAGE) },
    });
  });

  it("gives the tail up to a frame of an even older WAL", () => {
    const older = buildWal(
      { pageSize: PAGE, salt1: 9, salt2: 5 },
      [1, 2, 3, 4, 5, 6, 7].map((page) => commit(page)),
    );
    older.set(oldWal);
    const wal = restartedOnce([commit(1)], older);
    expect(
      decide(shipped(3), { wal, log: 1, state: { version: 1, wal: { largest: older.byteLength, shrank: true } } }),
    ).toMatchObject({
      kind: "old-tail",
      tail: { end: offsetOfFrames(5, PAGE) },
    });
  });

  it("after the follower's first look: the WAL is still the follower's current one, and goes on there", () => {
    const epoch = new Epoch(0, PAGE, parseWalHeader(oldWal), 5);
    const seen = { ...local({ wal: restartedOnce([commit(7)]), log: 1 }), epoch };
    expect(decideContinuity(shipped(3), URL, seen)).toMatchObject({
      kind: "same-wal",
      index: 3,
      offset: offsetOfFrames(3, PAGE),
    });
  });

  it("proves nothing once the new WAL has grown over the last frame shipped", () => {
    const wal = restartedOnce([commit(1), commit(2), commit(3)]);
    expect(decide(shipped(3), { wal, log: 3 })).toMatchObject({ kind: "unproven" });
  });

  it("proves nothing when the salt rose by two", () => {
    const wal = oldWal.slice();
    wal.set(buildWal({ pageSize: PAGE, salt1: 12, salt2: 99 }, [commit(1)]));
    expect(decide(shipped(5), { wal, log: 1 })).toMatchObject({ kind: "unproven" });
  });

  it("proves nothing when the WAL was made anew, with salts at random", () => {
    const wal = buildWal({ pageSize: PAGE, salt1: 0x7a7a7a7a, salt2: 99 }, [commit(1)]);
    expect(decide(shipped(5), { wal, log: 1 })).toMatchObject({ kind: "unproven" });
  });

  it("is not proved by an end of file when the file was cut inside a frame", () => {
    const wal = restartedOnce([commit(1)]).slice(0, offsetOfFrames(4, PAGE) + 100);
    expect(decide(shipped(3), { wal, log: 1 })).toMatchObject({ kind: "unproven" });
  });

  it("is not proved by an end of file just after a commit when the file was once longer", () => {
    const wal = restartedOnce([commit(1)]).slice(0, offsetOfFrames(4, PAGE));
    const seen = { largest: oldWal.byteLength, shrank: false };
    expect(decide(shipped(3), { wal, log: 1, state: { version: 1, wal: seen } })).toMatchObject({ kind: "unproven" });
    // Without the note of the size the cut cannot be told from the end: the note is what proves it.
    expect(decide(shipped(3), { wal, log: 1 })).toMatchObject({ kind: "old-tail" });
  });

  it("is not proved by an end of file where the file is cut from time to time", () => {
    const wal = restartedOnce([commit(1)]);
    const seen = { largest: wal.byteLength, shrank: true };
    expect(decide(shipped(3), { wal, log: 1, state: { version: 1, wal: seen } })).toMatchObject({ kind: "unproven" });
  });

  it("is not proved by a tail that breaks off inside a transaction", () => {
    const wal = restartedOnce([commit(1)], buildWal(old, [...oldFrames.slice(0, 4), part(5)]));
    expect(decide(shipped(3), { wal, log: 1 })).toMatchObject({ kind: "unproven" });
  });

  it("is not proved by a commit that the database does not hold: its writer was killed before it published it", () => {
    const wal = restartedOnce([commit(1)]);
    expect(decide(shipped(3), { wal, log: 1, pages: { 5: content(55) } })).toMatchObject({ kind: "unproven" });
  });

  it("is proved although a page differs that the new WAL has written since", () => {
    const wal = restartedOnce([commit(5, 55)]);
    expect(decide(shipped(3), { wal, log: 1, pages: { 5: content(55) } })).toMatchObject({ kind: "old-tail" });
  });
});

describe("what was noted at rest", () => {
  const rest = {
    database: identity,
    wal: null,
    replicas: { [URL]: { generation, index: 3, offset: offsetOfFrames(5, PAGE) } },
  };
  const state: LocalState = { version: 1, rest };

  it("lets the next WAL be the next index while the file is untouched, whatever its salts", () => {
    const wal = buildWal({ pageSize: PAGE, salt1: 0x7a7a7a7a, salt2: 99 }, [commit(1)]);
    expect(decide(shipped(5), { wal, log: 1, state })).toMatchObject({ kind: "next-wal", index: 4 });
    expect(decide(shipped(5), { state })).toMatchObject({ kind: "next-wal", index: 4 });
  });

  it.each([
    ["size", { ...identity, size: 9 * PAGE }],
    ["modification time", { ...identity, mtimeNs: "2" }],
    ["change time", { ...identity, ctimeNs: "2" }],
    ["inode", { ...identity, ino: "8" }],
  ])("proves nothing once the file's %s changed", (_what, changed) => {
    expect(decide(shipped(5), { state, identity: changed })).toMatchObject({ kind: "unproven" });
  });

  it("proves nothing when the replica has moved on since, from somewhere else", () => {
    const moved = shipped(5, oldWal, { index: 4 });
    expect(decide(moved, { state })).toMatchObject({ kind: "unproven", standing: "older" });
  });

  it("does not take for the next WAL the one that the follower saw first and that was restarted since", () => {
    const seen = { ...local({ state }), epoch: new Epoch(0, PAGE, parseWalHeader(oldWal), 5) };
    expect(decideContinuity(shipped(5), URL, seen)).toMatchObject({
      kind: "same-wal",
      index: 3,
      offset: offsetOfFrames(5, PAGE),
    });
    const only = shipped(0, oldWal, { index: 4, offset: 0, header: undefined, before: shipped(5) });
    const wal = { salt1: old.salt1, salt2: old.salt2, frames: 5 };
    const noted = { ...seen, state: { ...state, rest: { ...rest, wal } } };
    expect(decideContinuity(only, URL, noted)).toMatchObject({ kind: "unproven", standing: "unknown" });
  });

  it("counts before fences, of which each contested start has put one, and between them", () => {
    const follows = [{ index: 3, offset: offsetOfFrames(5, PAGE) }];
    const fence = { index: 5, end: 0, follows };
    const tail = shipped(0, oldWal, { index: 6, offset: 0, header: undefined, fence });
    const at = (index: number, offset: number) => {
      const noted = { replicas: { [URL]: { generation, index, offset } } };
      return decide(tail, { state: { version: 1, rest: { ...rest, ...noted } } });
    };
    const goesOn = { kind: "next-wal", index: 7, previous: { end: 0, fenced: follows[0] } };
    expect(at(3, offsetOfFrames(5, PAGE))).toMatchObject(goesOn);
    for (const index of [4, 5, 6]) expect(at(index, 0)).toMatchObject(goesOn);
    // The history went on behind these.
    expect(at(3, offsetOfFrames(4, PAGE))).toMatchObject({ kind: "unproven", standing: "older" });
    expect(at(2, 0)).toMatchObject({ kind: "unproven", standing: "older" });
  });

  it("counts before a fence over a snapshot that nothing follows, and at the end of the index before it", () => {
    const fence = {
      index: 4,
      end: 0,
      follows: [
        { index: 4, offset: 0 },
        { index: 3, offset: offsetOfFrames(5, PAGE) },
      ],
    };
    const tail = shipped(0, oldWal, { index: 4, offset: 0, header: undefined, fence });
    for (const [index, offset] of [
      [4, 0],
      [4, offsetOfFrames(2, PAGE)],
      [3, offsetOfFrames(5, PAGE)],
    ] as const) {
      const noted = { replicas: { [URL]: { generation, index, offset } } };
      const found = decide(tail, { state: { version: 1, rest: { ...rest, ...noted } } });
      expect(found).toMatchObject({ kind: "next-wal", index: 5, previous: { fenced: { index: 4, offset: 0 } } });
    }
  });

  it("counts where only a snapshot of that state was stored since", () => {
    const { index, offset, lastFrame, header, fence } = shipped(5);
    const before = { index, offset, lastFrame, header, fence };
    const tail = shipped(0, oldWal, { index: 4, offset: 0, header: undefined, before });
    const wal = buildWal({ pageSize: PAGE, salt1: 0x7a7a7a7a, salt2: 99 }, [commit(1)]);
    const next = { kind: "next-wal", index: 4, previous: { end: offset } };
    expect(decide(tail, { wal, log: 1, state })).toMatchObject(next);
    expect(decide(tail, { state })).toMatchObject(next);
    // Somebody else has shipped more before that snapshot, or the WAL from before it goes on.
    const more = shipped(0, oldWal, {
      index: 4,
      offset: 0,
      header: undefined,
      before: { ...before, offset: offset + SIZE },
    });
    expect(decide(more, { wal, log: 1, state })).toMatchObject({ kind: "unproven", standing: "older" });
    expect(decide(tail, { wal: oldWal, log: 5, state })).toMatchObject({ kind: "unproven" });
  });

  it("proves nothing for another replica", () => {
    expect(decideContinuity(shipped(5), "memory://other", local({ state }))).toMatchObject({ kind: "unproven" });
  });

  it("lets a generation that has only its snapshot begin its first index", () => {
    const only = shipped(0, oldWal, { index: 0, offset: 0, header: undefined });
    const noted = { ...rest, replicas: { [URL]: { generation, index: 0, offset: 0 } } };
    const wal = buildWal({ pageSize: PAGE, salt1: 5, salt2: 6 }, [commit(1)]);
    expect(decide(only, { wal, log: 1, state: { version: 1, rest: noted } })).toMatchObject({
      kind: "next-wal",
      index: 0,
    });
    expect(decide(only, { wal, log: 1 })).toMatchObject({ kind: "unproven" });
  });
});

describe("a WAL whose end was seen by an earlier process", () => {
  const end = offsetOfFrames(5, PAGE);
  const closed = {
    salt1: 10,
    salt2: 77,
    end,
    spool: { name: "tail", from: offsetOfFrames(2, PAGE) },
    next: { salt1: 11, salt2: 99 },
  };
  // Grown far past the place: the old frames themselves are gone.
  const wal = buildWal(
    { pageSize: PAGE, salt1: 11, salt2: 99 },
    [1, 2, 3, 4, 5, 6].map((page) => commit(page)),
  );

  it("gives its kept tail while the WAL that came after it is the live one", () => {
    expect(decide(shipped(3), { wal, log: 6, state: { version: 1, closed: [closed] } })).toMatchObject({
      kind: "spooled",
      index: 3,
    });
  });

  it("needs no tail when all of it was shipped", () => {
    expect(
      decide(shipped(5), { wal, log: 6, state: { version: 1, closed: [{ ...closed, spool: null }] } }),
    ).toMatchObject({ kind: "next-wal", index: 4 });
  });

  it("proves nothing when yet another WAL came after", () => {
    const other = { ...closed, next: { salt1: 12, salt2: 100 } };
    expect(decide(shipped(3), { wal, log: 6, state: { version: 1, closed: [other] } })).toMatchObject({
      kind: "unproven",
    });
  });

  it("proves nothing when the kept tail begins after what was shipped", () => {
    expect(decide(shipped(1), { wal, log: 6, state: { version: 1, closed: [closed] } })).toMatchObject({
      kind: "unproven",
    });
  });
});

describe("without proof", () => {
  it("an empty database is named as such", () => {
    expect(decide(shipped(5), { empty: true })).toMatchObject({ kind: "unproven", standing: "empty" });
  });

  it("a WAL from a few restarts before is an older copy", () => {
    const wal = buildWal({ pageSize: PAGE, salt1: 8, salt2: 1 }, [commit(1)]);
    expect(decide(shipped(5), { wal, log: 1 })).toMatchObject({ kind: "unproven", standing: "older" });
  });

  it("a database of another page size is no continuation", () => {
    const tail = shipped(5, oldWal, { lastFrame: undefined });
    expect(decide(tail, { wal: oldWal, log: 5 })).toMatchObject({ kind: "unproven" });
  });
});
