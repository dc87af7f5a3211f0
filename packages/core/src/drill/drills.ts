// Holds drills on a schedule, one at a time: never in the way of shipping, and never the end of it.
import { setTimeout as sleep } from "node:timers/promises";
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { formatPosition } from "../replica/position.ts";
import type { DrillOutcome, DrillStatus } from "../shipping/drill-status.ts";
import type { Replication } from "../shipping/replication.ts";
import { LookInterrupted } from "../shipping/standing-still.ts";
import { readNotes, writeNote } from "./drill-notes.ts";
import { hashFileBytes, writePageHashes } from "./page-hashes.ts";
import type { DrillProof, DrillTask } from "./prove-restorable.ts";
import { requireRoom, Scratch, sweepScratch } from "./scratch.ts";

/** A replica that drills are held on. */
export interface DrillTarget {
  /** Of the database. */
  readonly path: string;
  /** The replica's name and URL. */
  readonly name: string;
  readonly url: string;
  /** 0: none is held; what an earlier process left behind goes all the same. Milliseconds. */
  readonly intervalMs: number;
  /** Of the local state: what drills have shown is noted there. */
  readonly metaFolder: string;
  /** Where the database is restored to; default: the folder of the local state. */
  readonly folder?: string | undefined;
}

/** Restores and compares; as `proveRestorable`, and best in a process of its own, at low priority. */
export type ProveRestorable = (
  target: DrillTarget,
  task: DrillTask & { readonly folder: string },
  signal: AbortSignal,
) => Promise<DrillProof>;

export interface DrillsOptions {
  readonly look: Replication["look"];
  /** Asked again and again: databases come and go. */
  readonly targets: () => readonly DrillTarget[];
  readonly prove: ProveRestorable;
  readonly logger: Logger;
}

/** A start is busy enough. */
const FIRST_MS = 10_000;
const LOOK_FOR_NEW_MS = 30_000;
/** What could not be made is tried again after this, doubled each time, up to the interval. */
const RETRY_MS = 15_000;
const LOOKS = 5;
const LOOK_PAUSE_MS = 500;
/** The replica has so long to acknowledge the place. */
const DURABLE_MS = 300_000;

interface Entry {
  status: DrillStatus;
  /** `Date.now()` at which the next one is due. */
  dueMs: number;
  retries: number;
}

/** At work until it is disposed of. */
export class Drills implements AsyncDisposable {
  readonly #options: DrillsOptions;
  readonly #stop = new AbortController();
  readonly #entries = new Map<string, Entry>();
  readonly #working: Promise<void>;
  readonly #beganMs = Date.now();

  constructor(options: DrillsOptions) {
    this.#options = options;
    for (const target of options.targets()) {
      const left = sweep(target);
      if (left > 0) options.logger("info", "what a killed drill has left behind is gone", about(target));
    }
    this.#working = options.targets().some(({ intervalMs }) => intervalMs > 0) ? this.#work() : Promise.resolve();
  }

  /** What is known of a replica; undefined: no drills are held on it. */
  status(path: string, name: string): DrillStatus | undefined {
    return this.#entries.get(keyOf({ path, name }))?.status;
  }

  async #work(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const next = this.#next();
      const waitMs = Math.min(LOOK_FOR_NEW_MS, (next?.entry.dueMs ?? Number.POSITIVE_INFINITY) - Date.now());
      if (next !== undefined && waitMs <= 0) await this.#drill(next.target, next.entry, signal);
      else await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  #next(): { readonly target: DrillTarget; readonly entry: Entry } | undefined {
    const targets = this.#options.targets().filter(({ intervalMs }) => intervalMs > 0);
    let next: { target: DrillTarget; entry: Entry } | undefined;
    for (const [n, target] of targets.entries()) {
      const key = keyOf(target);
      let entry = this.#entries.get(key);
      if (entry === undefined) this.#entries.set(key, (entry = this.#entryOf(target, n / targets.length)));
      if (next === undefined || entry.dueMs < next.entry.dueMs) next = { target, entry };
    }
    return next;
  }

  /** `phase`, from 0 to 1, spreads the first drills of many databases over the interval. */
  #entryOf({ intervalMs, metaFolder, url }: DrillTarget, phase: number): Entry {
    const noted = readNotes(metaFolder).get(url);
    const runs = { proved: 0, failed: 0, "not-made": 0 };
    const fresh = { outcome: null, endedAt: null, reason: null, proved: null };
    const counts = { tookMs: 0, heldMs: 0, pages: 0, bytesFetched: 0, runs };
    const status: DrillStatus = { intervalMs, ...fresh, ...noted, ...counts };
    const firstMs = this.#beganMs + Math.min(FIRST_MS, intervalMs);
    const last = noted?.endedAt ?? null;
    const dueMs = last === null ? firstMs + phase * intervalMs : Math.max(firstMs, Date.parse(last) + intervalMs);
    // A clock that was set back must not put it off for good.
    return { status, dueMs: Math.min(dueMs, firstMs + intervalMs), retries: 0 };
  }

  async #drill(target: DrillTarget, entry: Entry, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const startedMs = performance.now();
    let heldMs = 0;
    try {
      const { seen, proof } = await this.#prove(target, signal);
      ({ heldMs } = seen);
      const { position, pages, bytesFetched } = proof;
      const tookMs = Math.round(performance.now() - startedMs);
      const proved = { position, moment: seen.at.toISOString() };
      this.#ended(target, entry, "proved", { reason: null, proved, tookMs, heldMs, pages, bytesFetched });
      const until = { position: formatPosition(position), moment: proved.moment };
      logger("info", "proved restorable", { ...about(target), ...until, pages, ms: tookMs, heldMs });
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      const outcome = hasFailed(error) ? "failed" : "not-made";
      this.#ended(target, entry, outcome, { reason, tookMs: Math.round(performance.now() - startedMs), heldMs });
      if (outcome === "failed")
        logger("error", "a drill failed: the replica does not bring the database back", {
          ...about(target),
          error: reason,
        });
      else logger("warn", "no drill this time", { ...about(target), reason });
    }
  }

  #ended(target: DrillTarget, entry: Entry, outcome: DrillOutcome, more: Partial<DrillStatus>): void {
    const { intervalMs, metaFolder, url } = target;
    const { status } = entry;
    const runs = { ...status.runs, [outcome]: status.runs[outcome] + 1 };
    entry.status = { ...status, intervalMs, outcome, endedAt: new Date().toISOString(), runs, ...more };
    entry.retries = outcome === "not-made" ? entry.retries + 1 : 0;
    const againMs = outcome === "not-made" ? RETRY_MS * 2 ** (entry.retries - 1) : intervalMs;
    entry.dueMs = Date.now() + Math.min(intervalMs, againMs);
    try {
      writeNote(metaFolder, url, entry.status);
    } catch (error) {
      this.#options.logger("warn", "the drill could not be noted", { ...about(target), error: String(error) });
    }
  }

  async #prove(target: DrillTarget, signal: AbortSignal) {
    const { look, prove } = this.#options;
    sweep(target);
    const folder = target.folder ?? target.metaFolder;
    await using scratch = await Scratch.make({ folder, owner: keyOf(target) });
    const limited = AbortSignal.any([signal, AbortSignal.timeout(DURABLE_MS)]);
    for (let tries = 1; ; tries++) {
      const hashes = scratch.file(`${tries}.hashes`);
      try {
        const seen = await look(target.path, target.name, limited, async (file, stop) => {
          await requireRoom(scratch.path, file.sizeBytes + hashFileBytes(file));
          await writePageHashes(file, hashes, stop);
          return { pageSize: file.pageSize, sizeBytes: file.sizeBytes };
        });
        if (seen === undefined) throw notYet();
        const task = {
          place: seen.place,
          hashes,
          output: scratch.file("restored"),
          folder: scratch.path,
          ...seen.value,
        };
        return { seen, proof: await prove(target, task, signal) };
      } catch (error) {
        if (limited.aborted && !signal.aborted && !(error instanceof LitewakeError)) throw notStill();
        if (!(error instanceof LookInterrupted) || tries === LOOKS) throw error;
        await sleep(LOOK_PAUSE_MS * tries, undefined, { signal, ref: false });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#working;
  }
}

function notYet(): LitewakeError {
  return new LitewakeError("refused", "the database is not followed yet, or the replica has no snapshot of it yet");
}

function notStill(): LitewakeError {
  return new LitewakeError("refused", `the database could not be held still within ${DURABLE_MS / 1000} s`, {
    next: "somebody else's reader keeps its WAL from being written back",
  });
}

/** Damage is the replica's; everything else kept the drill from being made. */
function hasFailed(error: unknown): boolean {
  return error instanceof LitewakeError && (error.kind === "damaged" || error.kind === "no-backup");
}

function keyOf({ path, name }: Pick<DrillTarget, "path" | "name">): string {
  return `${path}\n${name}`;
}

function sweep(target: DrillTarget): number {
  return sweepScratch({ folder: target.folder ?? target.metaFolder, owner: keyOf(target) });
}

function about({ path, name }: DrillTarget): { readonly db: string; readonly replica: string } {
  return { db: path, replica: name };
}
