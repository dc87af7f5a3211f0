// `litewake restore`: a database comes back from its replica.
import fs from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import {
  LitewakeError,
  noteRestored,
  planRestore,
  restore as restoreDatabase,
  type RestoreRequest,
  type RestoreTarget,
} from "@litewake/core";
import { type Config, DEFAULT_LOGGING, type FleetConfig } from "../../config/config.ts";
import { restoreDatabases } from "../../fleet/restoring.ts";
import { type Command, note, print, printJson } from "../command.ts";
import type { ParsedArguments } from "../flags.ts";
import { createLogger } from "../log.ts";
import { patient, PATIENCE_FLAG, patienceOf } from "../patience.ts";
import { ProgressLine } from "../progress.ts";
import { onStopSignal, STOP_SIGNALS } from "../on-stop.ts";
import { EXIT_NOT_NEWEST } from "../exit-code.ts";
import { generationOf, PARALLELISM_FLAG, parallelismOf } from "../reading-flags.ts";
import { bestEffortReport, describePlan, summaryLine } from "../restore-report.ts";
import {
  AGE_FLAG,
  CONFIG_FLAGS,
  loadConfig,
  oneArgument,
  openConfigured,
  openTarget,
  type Target,
  targetOf,
} from "../targets.ts";
import { parseTimestamp } from "../timestamp.ts";

const CHECKS = ["none", "quick", "full"] as const;

function target(flags: ParsedArguments): RestoreTarget {
  const generation = generationOf(flags);
  const index = flags.string("index");
  const timestamp = flags.string("timestamp");
  return {
    ...(generation === undefined ? {} : { generation }),
    ...(index === undefined ? {} : { index: parseIndex(index) }),
    ...(timestamp === undefined ? {} : { timestamp: parseTimestamp(timestamp) }),
  };
}

function parseIndex(text: string): number {
  const index = /^(0x)?[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text.replace(/^0x/i, ""), 16) : Number.NaN;
  if (Number.isNaN(index) || index > 0x7fffffff) {
    throw new LitewakeError("usage", `-index: ${JSON.stringify(text)} is no index`, {
      next: "up to 8 hexadecimal digits",
    });
  }
  return index;
}

function integrityCheck(flags: ParsedArguments): (typeof CHECKS)[number] | undefined {
  const given = flags.string("integrity-check");
  const known = CHECKS.find((name) => name === given);
  if (given !== undefined && known === undefined) {
    throw new LitewakeError("usage", `-integrity-check: ${JSON.stringify(given)} is not known`, {
      next: CHECKS.join(", "),
    });
  }
  return known;
}

function outputOf(flags: ParsedArguments, { database }: Target): string {
  const given = flags.string("o") ?? "";
  if (given !== "") return path.resolve(given);
  if (database !== undefined) return database;
  throw new LitewakeError("usage", "restoring from a URL needs an output path", { next: "add -o PATH" });
}

async function run(flags: ParsedArguments): Promise<number> {
  if (flags.positional.length === 0) {
    const config = await loadConfig(flags);
    if (config.fleet !== undefined) return restoreAll(flags, config, config.fleet);
  }
  if (flags.string("point") !== undefined) {
    throw new LitewakeError("usage", "-point is of all databases of a fleet", {
      next: "give -config with a replication: block, and no database",
    });
  }
  const place = await targetOf(flags, oneArgument(flags, "restore"));
  const output = outputOf(flags, place);
  const check = integrityCheck(flags);
  const stop = new AbortController();
  let received: NodeJS.Signals = "SIGINT";
  const onSignal = (signal: NodeJS.Signals) => {
    received = signal;
    stop.abort();
  };
  const wanted = {
    target: target(flags),
    bestEffort: flags.boolean("best-effort"),
    parallelism: parallelismOf(flags),
    ...(check === undefined ? {} : { integrityCheck: check }),
  };
  // Looked at before anything is opened: an application calls this at each start.
  if (flags.boolean("if-db-not-exists") && fs.existsSync(output)) return nothingToDo(`${output} exists already`);
  const patienceMs = patienceOf(flags);
  using progress = new ProgressLine();
  const tell = (line: string): void => {
    progress.clear();
    note(`litewake: ${line}`);
  };
  const replicas = (await openTarget(place)).map(({ client, ...replica }) => ({
    ...replica,
    client: patient(client, patienceMs, tell),
  }));
  for (const signal of STOP_SIGNALS) process.once(signal, onSignal);
  const logger = createLogger({ ...DEFAULT_LOGGING, level: "warn", stderr: true });
  try {
    return await restoreOrPlan(flags, {
      replicas,
      output,
      ...wanted,
      signal: stop.signal,
      logger: (...event) => {
        progress.clear();
        logger(...event);
      },
      onProgress: progress.show,
    });
  } catch (error) {
    progress.clear();
    if (stop.signal.aborted) {
      note(`litewake: the restore was stopped; ${output} was not written`);
      return 128 + constants.signals[received];
    }
    const missing = error instanceof LitewakeError && error.kind === "no-backup";
    if (flags.boolean("if-replica-exists") && missing) return nothingToDo(error.message);
    throw error;
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
    await Promise.allSettled(replicas.map(({ client }) => client.close()));
  }
}

/** Every database of a fleet that is missing; with a time or a point all of them. */
async function restoreAll(flags: ParsedArguments, config: Config, fleet: FleetConfig): Promise<number> {
  const unfit = ["o", "replica", "generation", "index"].find((name) => flags.string(name) !== undefined);
  const unfitSwitch = ["dry-run", "best-effort"].find((name) => flags.boolean(name));
  if (unfit !== undefined || unfitSwitch !== undefined) {
    const name = unfit ?? unfitSwitch ?? "";
    throw new LitewakeError("usage", `-${name} is of one database`, { next: "name the database too" });
  }
  const { timestamp } = target(flags);
  const name = flags.string("point");
  if (name !== undefined && timestamp !== undefined)
    throw new LitewakeError("usage", "-point and -timestamp cannot stand together", { next: "keep one of them" });
  const stop = new AbortController();
  using _signals = onStopSignal(() => stop.abort());
  const logger = createLogger({ ...config.logging, stderr: true });
  const client = await openConfigured(fleet.root, config);
  try {
    const { restored, skipped, fresh, point } = await restoreDatabases({
      fleet,
      client: patient(client, patienceOf(flags), (line) => note(`litewake: ${line}`)),
      target: name === undefined && timestamp === undefined ? undefined : { name, timestamp },
      parallelism: parallelismOf(flags),
      integrityCheck: integrityCheck(flags),
      signal: stop.signal,
      logger,
      progress: true,
    });
    if (flags.boolean("json")) {
      const databases = restored.map(({ name: database, path: output, result }) => ({ database, output, ...result }));
      printJson({
        restored: databases,
        skipped,
        fresh,
        point: point === undefined ? null : { name: point.name, takenAt: point.takenAt },
      });
    }
    if (restored.length > 0) return 0;
    if (skipped.length > 0 || flags.boolean("if-replica-exists"))
      return nothingToDo(skipped.length > 0 ? "every database is there already" : "there is no backup");
    throw new LitewakeError("no-backup", `${client.url} holds no backup of any database`, {
      next: "check replica_url",
    });
  } finally {
    await client.close();
  }
}

function nothingToDo(why: string): number {
  note(`litewake: ${why}; nothing restored`);
  return 0;
}

async function restoreOrPlan(flags: ParsedArguments, request: RestoreRequest): Promise<number> {
  const json = flags.boolean("json");
  if (flags.boolean("dry-run")) {
    const plan = describePlan(await planRestore(request));
    if (json) printJson({ plan: plan.json });
    else print(plan.text);
    return 0;
  }
  const result = await restoreDatabase(request);
  noteRestored(request.output, result);
  if (json) printJson({ restored: { output: request.output, ...result } });
  else note(summaryLine(request.output, result));
  if (result.bestEffort === undefined) return 0;
  note(bestEffortReport(request.output, result, result.bestEffort));
  return result.bestEffort.complete ? 0 : EXIT_NOT_NEWEST;
}

export const restore: Command = {
  usage: ["restore [flags]", "restore [flags] DB_PATH", "restore [flags] -o PATH REPLICA_URL"],
  flags: {
    o: { kind: "string", value: "PATH", help: "output path (default: the database's own)" },
    ...CONFIG_FLAGS,
    ...AGE_FLAG,
    replica: { kind: "string", value: "NAME", help: "only this replica of the database" },
    generation: { kind: "string", value: "ID", help: "this generation (default: the one written to last)" },
    index: { kind: "string", value: "HEX", help: "up to the end of this WAL index" },
    timestamp: { kind: "string", value: "TIME", help: "the state at this time, RFC 3339" },
    point: { kind: "string", value: "NAME", help: "all databases of a fleet as they were at this restore point" },
    ...PARALLELISM_FLAG,
    "if-db-not-exists": { kind: "boolean", help: "exit 0 and change nothing when the output is there" },
    "if-replica-exists": { kind: "boolean", help: "exit 0 when there is no backup" },
    ...PATIENCE_FLAG,
    "best-effort": {
      kind: "boolean",
      help: "where the replica is damaged: the newest point that can be proved; exit 8 unless it is the one asked for",
    },
    "integrity-check": { kind: "string", value: "HOW", help: "none, quick (default) or full" },
    "dry-run": { kind: "boolean", help: "print what would be fetched, and fetch nothing" },
    json: { kind: "boolean", help: "print the result as JSON" },
  },
  run,
};
