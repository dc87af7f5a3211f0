// What drills have shown, noted beside the database, so that a restart neither forgets a proof nor begins with a drill each
// time. A cache that may always be deleted.
import fs from "node:fs";
import path from "node:path";
import { isGeneration } from "../replica/position.ts";
import type { DrillStatus } from "../shipping/drill-status.ts";

/** The last drill of one replica. */
export type DrillNote = Pick<DrillStatus, "outcome" | "endedAt" | "reason" | "proved">;

const NAME = "drills.json";

/** By the replica's URL; what cannot be read is not there. */
export function readNotes(folder: string): ReadonlyMap<string, DrillNote> {
  const notes = new Map<string, DrillNote>();
  try {
    const value: unknown = JSON.parse(fs.readFileSync(path.join(folder, NAME), "utf8"));
    const { version, replicas } = value as { version?: unknown; replicas?: Record<string, unknown> };
    if (version !== 1) return notes;
    for (const [url, given] of Object.entries(replicas ?? {})) {
      const note = noteOf(given);
      if (note !== undefined) notes.set(url, note);
    }
  } catch {
    // Missing, torn or foreign.
  }
  return notes;
}

/** Replaces the note of one replica. Throws the disk's errors. */
export function writeNote(folder: string, url: string, { outcome, endedAt, reason, proved }: DrillNote): void {
  const replicas = { ...Object.fromEntries(readNotes(folder)), [url]: { outcome, endedAt, reason, proved } };
  const file = path.join(folder, NAME);
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  fs.writeFileSync(`${file}.tmp`, JSON.stringify({ version: 1, replicas }), { mode: 0o600 });
  fs.renameSync(`${file}.tmp`, file);
}

function noteOf(given: unknown): DrillNote | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  const { outcome, endedAt, reason, proved } = given as Record<string, unknown>;
  const ended = timeOf(endedAt);
  if ((outcome !== "proved" && outcome !== "failed" && outcome !== "not-made") || ended === undefined) return undefined;
  return { outcome, endedAt: ended, reason: typeof reason === "string" ? reason : null, proved: proofOf(proved) };
}

function proofOf(given: unknown): DrillStatus["proved"] {
  if (typeof given !== "object" || given === null) return null;
  const { position, moment } = given as { position?: Record<string, unknown>; moment?: unknown };
  const { generation, index, offset } = position ?? {};
  const at = timeOf(moment);
  if (typeof generation !== "string" || !isGeneration(generation) || at === undefined) return null;
  if (typeof index !== "number" || typeof offset !== "number") return null;
  return { position: { generation, index, offset }, moment: at };
}

function timeOf(given: unknown): string | undefined {
  return typeof given === "string" && !Number.isNaN(Date.parse(given)) ? given : undefined;
}
