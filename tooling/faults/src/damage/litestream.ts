// What both Litestreams make of the same damaged replicas: run for real, through their file backend.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type LitestreamVersion, litestreamVersions, memoryBackedDir, runLitestream } from "@litewake-tooling/testkit";
import { type Case, damagedReplica } from "./cases.ts";
import type { DamagedReplica } from "./damaged-replica.ts";
import { judge } from "./judge.ts";
import type { Objects } from "./objects.ts";
import { furthest } from "./target.ts";

export const VERDICTS = ["exact", "older", "wrong", "malformed", "refused", "crash"] as const;

/**
 * `older`: exit 0 with a state that the database had before. `wrong`: exit 0 with one that it never had; `malformed`: which
 * SQLite's full check finds. `crash`: a panic, or no end.
 */
export type Verdict = (typeof VERDICTS)[number];

export interface Compared {
  readonly one: Case;
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

const TIMEOUT_MS = 60_000;

/** Newest state only; vanished objects cannot be shown to them. */
export async function* compareAll(cases: Iterable<Case>): AsyncGenerator<Compared> {
  using folder = memoryBackedDir(256 << 20, "damage-litestream");
  for (const one of cases) {
    const replica = damagedReplica({ ...one, target: {} });
    const verdicts = new Map<string, Verdict>();
    verdicts.set("litewake", await ours(replica, empty(folder.join("ours"))));
    const root = empty(folder.join("replica"));
    store(replica.objects, root);
    for (const version of litestreamVersions)
      verdicts.set(version, await theirs(version, replica, root, folder.join("out")));
    yield { one, verdicts };
  }
}

async function ours(replica: DamagedReplica, folder: string): Promise<Verdict> {
  const { kind } = await judge(replica, folder);
  if (kind === "exact") return "exact";
  if (kind === "tail-lost") return "older";
  return kind === "unprovable" || kind === "broken" ? "wrong" : "refused";
}

async function theirs(
  version: LitestreamVersion,
  replica: DamagedReplica,
  root: string,
  folder: string,
): Promise<Verdict> {
  const output = path.join(empty(folder), "restored.db");
  const { code, stderr, stdout } = await runLitestream(version, ["restore", "-o", output, `file://${root}`], {
    timeoutMs: TIMEOUT_MS,
  });
  if (code !== 0) return /panic|SIGSEGV|goroutine/.test(`${stderr}${stdout}`) || code === null ? "crash" : "refused";
  return fs.existsSync(output) ? verdictOf(replica, output) : "refused";
}

function verdictOf({ shape: { truth } }: DamagedReplica, output: string): Verdict {
  const bytes = fs.readFileSync(output);
  const newest = furthest(truth, {}, true, () => true);
  const isAt = (place: string): boolean => truth.states.get(place)?.some((state) => state.equals(bytes)) === true;
  if (newest !== undefined && isAt(`${newest.generation}/${newest.index}:${newest.offset}`)) return "exact";
  if ([...truth.states.keys()].some(isAt)) return "older";
  return isSound(output) ? "wrong" : "malformed";
}

function isSound(file: string): boolean {
  try {
    using db = new DatabaseSync(file, { readOnly: true });
    return db.prepare("pragma integrity_check(1)").get()?.["integrity_check"] === "ok";
  } catch {
    return false;
  }
}

function empty(folder: string): string {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

function store(objects: Objects, root: string): void {
  for (const [key, { bytes, modifiedAt }] of objects) {
    const file = path.join(root, key);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
    fs.utimesSync(file, modifiedAt, modifiedAt);
  }
}
