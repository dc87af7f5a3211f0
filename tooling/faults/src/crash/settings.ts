// How a case differs from the next: everything by its seed.
import type { WriterOptions } from "@litewake-tooling/testkit";
import type { FollowerTuning } from "@litewake/core";
import type { Random } from "../../../testkit/writers/random.ts";
import type { Intervals } from "./subject/options.ts";

export interface FollowSettings {
  readonly writer: WriterOptions;
  readonly tuning: Partial<FollowerTuning>;
  readonly intervals: Intervals;
  readonly replicas: number;
  readonly ackEveryMs: number;
}

const KIB = 1 << 10;

/** Small WALs, short intervals: every step of the protocol is reached within a second. */
function tuning(random: Random): Partial<FollowerTuning> {
  const rotateFromBytes = random.pick([24, 48, 96, 256]) * KIB;
  return {
    moveEveryMs: random.pick([2, 5, 20]),
    moveFromBytes: random.pick([1, 8]) * KIB,
    moveEveryBytes: random.pick([16, 64]) * KIB,
    writeBackFromFrames: random.pick([0, 4, 20]),
    rotateFromBytes,
    sealFromBytes: random.pick([rotateFromBytes, 2 * rotateFromBytes, Number.MAX_SAFE_INTEGER]),
    restAfterMs: random.pick([60, 10_000]),
  };
}

function writer(random: Random, restless: boolean): WriterOptions {
  return {
    rate: random.pick([20, 60, 150, 300]),
    rows: random.pick([1, 3]),
    payloadBytes: random.pick([50, 300, 1500]),
    touchEvery: random.pick([0, 2]),
    // An application that checkpoints at each commit leaves no evidence behind within milliseconds.
    autocheckpoint: restless ? random.pick([-1, 1, 20]) : random.pick([-1, 0, 200]),
    journalSizeLimit: restless ? random.pick([-2, 0, 30_000]) : -2,
    busyTimeoutMs: 20_000,
    synchronous: random.pick(["normal", "normal", "full", "off"] as const),
    reportEvery: 5,
  };
}

/** `upkeep`: with snapshots and retention at short intervals. `restless`: the application checkpoints often. */
export function followSettings(
  random: Random,
  { upkeep = false, replicas = 1, restless = false } = {},
): FollowSettings {
  const syncIntervalMs = random.pick([3, 15, 50]);
  const intervals: Intervals = upkeep
    ? {
        syncIntervalMs,
        snapshotIntervalMs: random.pick([40, 90, 150]),
        retentionMs: random.pick([120, 250, 400]),
        retentionCheckIntervalMs: random.pick([20, 60]),
      }
    : {
        syncIntervalMs,
        snapshotIntervalMs: random.pick([120, 3_600_000]),
        retentionMs: 0,
        retentionCheckIntervalMs: 3_600_000,
      };
  return {
    writer: writer(random, restless),
    tuning: tuning(random),
    intervals,
    replicas,
    ackEveryMs: random.pick([25, 60]),
  };
}

export function fleetSettings(random: Random): Intervals & {
  readonly tuning: Partial<FollowerTuning>;
  readonly pointsIntervalMs: number;
  readonly leaseMs: number;
  readonly ackEveryMs: number;
} {
  return {
    tuning: tuning(random),
    syncIntervalMs: random.pick([5, 30]),
    snapshotIntervalMs: random.pick([80, 200]),
    retentionMs: random.pick([400, 800]),
    retentionCheckIntervalMs: random.pick([30, 100]),
    pointsIntervalMs: random.pick([40, 120]),
    leaseMs: 4000,
    ackEveryMs: random.pick([30, 80]),
  };
}
