// A restore that is killed again and again: its output is not there or whole, and the next restore is not in its way.
import fs from "node:fs";
import path from "node:path";
import { compareDatabases, tempDir, type TempDir } from "@litewake-tooling/testkit";
import { seeded } from "../../../../testkit/writers/random.ts";
import { Application } from "../application.ts";
import { type Case, type CaseResult, Score } from "../case.ts";
import { Life } from "../life.ts";
import { followSettings } from "../settings.ts";

const REPLICATED_MS = 1200;

interface Source {
  readonly folder: TempDir;
  readonly database: string;
  readonly replica: string;
}

let source: Promise<Source> | undefined;

export async function runRestore(what: Case): Promise<CaseResult> {
  const { database, replica } = await (source ??= replicated(what.seed));
  using folder = tempDir("crash");
  const score = new Score(what);
  const output = folder.join("to", "restored.db");
  for (const [n, point] of [...what.points, undefined].entries()) {
    await using life = new Life({ work: "restore", point, seed: what.seed, replica, output });
    score.at = `restore ${n + 1}, ${life.name}`;
    const end = await life.itsOwnEnd();
    score.life(point, end, life.process.lines);
    if (point === undefined && end === "stopped") score.counted(life.counts);
    const isThere = fs.existsSync(output);
    if (!isThere && life.has("restored")) score.violated("restored, it says, and the output is not there");
    if (!isThere) continue;
    score.restores++;
    for (const line of compareDatabases(database, output)) score.violated(`the output is not whole: ${line}`);
    if (point === undefined) judgeLeftBehind(path.dirname(output), score);
    // The next one begins with what a kill has left of this one, but for the output.
    fs.rmSync(output);
  }
  return score.result(1);
}

function judgeLeftBehind(folder: string, score: Score): void {
  const known = new Set(["restored.db", ".restored.db-litewake"]);
  const left = fs.readdirSync(folder).filter((name) => !known.has(name));
  if (left.length > 0)
    score.violated(`after a whole restore ${left.length} files of the killed ones are left: ${left.join(", ")}`);
}

/** A replica with a history of some indexes, made once. */
async function replicated(seed: number): Promise<Source> {
  const folder = tempDir("crash-source");
  const database = folder.join("app.db");
  const replica = folder.join("replica");
  const { writer, tuning, intervals } = followSettings(seeded(seed));
  await using application = new Application(database, writer);
  await application.start();
  const subject = { seed, database, replicas: [replica], tuning, ackEveryMs: 50, ...intervals };
  await using life = new Life({ work: "follow", point: undefined, ...subject });
  const end = await life.end(REPLICATED_MS);
  if (end !== "stopped") throw new Error(`no replica to restore: ${life.process.output()}`);
  await application.stop();
  // What was written after the follower's end is not in the replica.
  await using last = new Life({ work: "follow", point: undefined, ...subject });
  if ((await last.end(100)) !== "stopped") throw new Error(`no replica to restore: ${last.process.output()}`);
  return { folder, database, replica };
}
