// `litewake restore`: a database comes back from its replica.
import fs from "node:fs";
import path from "node:path";
import {
  isGeneration,
  LitewakeError,
  noteRestored,
  planRestore,
  restore as restoreDatabase,
  type RestoreProgress,
  type RestoreRequest,
  type RestoreTarget,
} from "@litewake/core";
import { type Command, note, printJson } from "../command.ts";
import type { ParsedArguments } from "../flags.ts";
import { createLogger } from "../log.ts";
import { describePlan, progressLine, summaryLine } from "../restore-report.ts";
import { CONFIG_FLAGS, isUrl, oneArgument, openReplicas, type OpenReplica } from "../targets.ts";

const CHECKS = ["none", "quick", "full"] as const;
const PROGRESS_EACH_MS = 100;

function target(flags: ParsedArguments): RestoreTarget {
  const generation = flags.string("generation");
  const index = flags.string("index");
  const timestamp = flags.string("timestamp");
  if (generation !== undefined && !isGeneration(generation)) {
    throw new LitewakeError("usage", `-generation: ${JSON.stringify(generation)} is no generation`, { next: "16 hexadecimal digits, as `litewake generations` lists them" });
  }
  return {
    ...(generation === undefined ? {} : { generation }),
    ...(index === undefined ? {} : { index: parseIndex(index) }),
    ...(timestamp === undefined ? {} : { timestamp: parseTimestamp(timestamp) }),
  };
}

function parseIndex(text: string): number {
  const index = /^(0x)?[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text.replace(/^0x/i, ""), 16) : Number.NaN;
  if (Number.isNaN(index) || index > 0x7fffffff) {
    throw new LitewakeError("usage", `-index: ${JSON.stringify(text)} is no index`, { next: "up to 8 hexadecimal digits" });
  }
  return index;
}

function parseTimestamp(text: string): Date {
  const fits = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const date = new Date(text);
  if (!fits || Number.isNaN(date.getTime())) {
    throw new LitewakeError("usage", `-timestamp: ${JSON.stringify(text)} is no time`, { next: 'write it as "2026-11-24T03:04:05Z"' });
  }
  return date;
}

function integrityCheck(flags: ParsedArguments): (typeof CHECKS)[number] | undefined {
  const given = flags.string("integrity-check");
  const known = CHECKS.find((name) => name === given);
  if (given !== undefined && known === undefined) {
    throw new LitewakeError("usage", `-integrity-check: ${JSON.stringify(given)} is not known`, { next: CHECKS.join(", ") });
  }
  return known;
}

function outputOf(flags: ParsedArguments, argument: string, replicas: readonly OpenReplica[]): string {
  const given = flags.string("o");
  if (given !== undefined && given !== "") return path.resolve(given);
  const database = replicas[0]?.database;
  if (database !== undefined) return database;
  throw new LitewakeError("usage", `restoring from ${isUrl(argument) ? "a URL" : "here"} needs an output path`, { next: "add -o PATH" });
}

async function run(flags: ParsedArguments): Promise<number> {
  const argument = oneArgument(flags, "restore");
  const wanted = target(flags);
  const check = integrityCheck(flags);
  const parallelism = Number(flags.string("parallelism") ?? 8);
  if (!Number.isInteger(parallelism) || parallelism < 1) throw new LitewakeError("usage", `-parallelism: ${flags.string("parallelism")} is no number above 0`);
  const replicas = await openReplicas(flags, argument);
  const output = outputOf(flags, argument, replicas);
  if (flags.boolean("if-db-not-exists") && fs.existsSync(output)) {
    note(`litewake: ${output} exists already, nothing restored`);
    return 0;
  }
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const request: RestoreRequest = {
    replicas,
    output,
    target: wanted,
    parallelism,
    signal: stop.signal,
    logger: createLogger({ level: "warn", type: "text", stderr: true }),
    onProgress: showProgress(),
    ...(check === undefined ? {} : { integrityCheck: check }),
  };
  try {
    return await restoreOrPlan(flags, request);
  } catch (error) {
    if (flags.boolean("if-replica-exists") && error instanceof LitewakeError && error.kind === "no-backup") {
      note(`litewake: ${error.message}; nothing restored`);
      return 0;
    }
    throw error;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    for (const { client } of replicas) await client.close();
  }
}

async function restoreOrPlan(flags: ParsedArguments, request: RestoreRequest): Promise<number> {
  const json = flags.boolean("json");
  if (flags.boolean("dry-run")) {
    const plan = await planRestore(request);
    if (json) printJson({ plan: describePlan(plan).json });
    else process.stdout.write(describePlan(plan).text);
    return 0;
  }
  const result = await restoreDatabase(request);
  noteRestored(request.output, result.replicaUrl, result.position);
  clearProgress();
  if (json) printJson({ restored: { output: request.output, ...result } });
  else note(summaryLine(request.output, result));
  return 0;
}

/** One line on a terminal, rewritten; nothing elsewhere. */
function showProgress(): (progress: RestoreProgress) => void {
  if (!process.stderr.isTTY) return () => {};
  let last = 0;
  const started = performance.now();
  return (progress) => {
    const now = performance.now();
    if (now - last < PROGRESS_EACH_MS) return;
    last = now;
    process.stderr.write(`\r\u001b[2K${progressLine(progress, now - started)}`);
  };
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
}

export const restore: Command = {
  summary: "restore a database from a replica",
  usage: ["restore [flags] DB_PATH", "restore [flags] -o PATH REPLICA_URL"],
  flags: {
    o: { kind: "string", value: "PATH", help: "output path (default: the database's own)" },
    ...CONFIG_FLAGS,
    replica: { kind: "string", value: "NAME", help: "only this replica of the database" },
    generation: { kind: "string", value: "ID", help: "this generation (default: the one written to last)" },
    index: { kind: "string", value: "HEX", help: "up to the end of this WAL index" },
    timestamp: { kind: "string", value: "TIME", help: "the state at this time, RFC 3339" },
    parallelism: { kind: "string", value: "N", help: "objects fetched at the same time (default 8)" },
    "if-db-not-exists": { kind: "boolean", help: "exit 0 and change nothing when the output is there" },
    "if-replica-exists": { kind: "boolean", help: "exit 0 when there is no backup" },
    "integrity-check": { kind: "string", value: "HOW", help: "none, quick (default) or full" },
    "dry-run": { kind: "boolean", help: "print what would be fetched, and fetch nothing" },
    json: { kind: "boolean", help: "print the result as JSON" },
  },
  run,
};
