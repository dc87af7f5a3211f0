// What is measured while a soak runs, once each interval, from outside of the process that is tried.
import fs from "node:fs";
import path from "node:path";

export interface Sample {
  /** Since the begin. */
  readonly seconds: number;
  /** Of the replicator. Megabytes of 2^20 bytes. */
  readonly residentMb: number;
  readonly descriptors: number;
  /** Of the replica that is furthest behind. */
  readonly lagSeconds: number;
  /** WALs, spools and state beside the databases, without the databases. Megabytes. */
  readonly diskMb: number;
  /** In all replicas. */
  readonly objects: number;
  /** Which process it was: it is killed now and then. */
  readonly life: number;
}

export interface Measured {
  readonly pid: number;
  readonly statusUrl: string;
  /** The folder with the databases. */
  readonly data: string;
  /** The folder with the objects. */
  readonly store: string;
}

/** Undefined while the process is not there, or does not answer yet. */
export async function measure(what: Measured): Promise<Omit<Sample, "seconds" | "life"> | undefined> {
  try {
    const status = fs.readFileSync(`/proc/${what.pid}/status`, "utf8");
    return {
      residentMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
      descriptors: fs.readdirSync(`/proc/${what.pid}/fd`).length,
      lagSeconds: await lagSeconds(what.statusUrl),
      diskMb: besideDatabases(what.data) / (1 << 20),
      objects: filesIn(what.store).length,
    };
  } catch {
    return undefined;
  }
}

/** How far the replica furthest behind is behind. Throws while nobody answers. */
export async function lagSeconds(statusUrl: string): Promise<number> {
  const answer = await fetch(statusUrl, { signal: AbortSignal.timeout(5000) });
  const { databases } = (await answer.json()) as {
    databases: readonly { readonly replicas: readonly { readonly lagMs: number }[] }[];
  };
  return Math.max(0, ...databases.flatMap(({ replicas }) => replicas.map(({ lagMs }) => lagMs))) / 1000;
}

function besideDatabases(folder: string): number {
  let bytes = 0;
  for (const file of filesIn(folder)) {
    if (!file.endsWith(".db")) bytes += fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function filesIn(folder: string): string[] {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}
