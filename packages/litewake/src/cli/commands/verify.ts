// `litewake verify`: proves that everything in a replica can be restored, without a database and without writing anything.
import { LitewakeError, type Pin, readPins, type VerifyReport } from "@litewake/core";
import { verify as verifyReplica } from "@litewake/core/verify";
import { ReplicaError } from "@litewake/core/backend";
import type { Config, FleetConfig, ReplicaConfig } from "../../config/config.ts";
import { nameOf } from "../../config/read-fleet.ts";
import { FleetProgress } from "../../fleet/fleet-progress.ts";
import { verifyDatabases } from "../../fleet/verifying.ts";
import { type Command, note, print, printJson } from "../command.ts";
import { exitCodeOf, lineOf } from "../exit-code.ts";
import type { ParsedArguments } from "../flags.ts";
import { onStopSignal } from "../on-stop.ts";
import { patient, PATIENCE_FLAG, patienceOf } from "../patience.ts";
import { ProgressLine } from "../progress.ts";
import { generationOf, PARALLELISM_FLAG, parallelismOf } from "../reading-flags.ts";
import { AGE_FLAG, CONFIG_FLAGS, loadConfig, oneArgument, openConfigured, type Target, targetOf } from "../targets.ts";
import { fleetText, fleetVerdictLine, reportText, verdictLine } from "../verify-report.ts";

/** The gravest first: what one replica answers with is the command's answer. */
const GRAVITY = [1, 5, 4, 2, 3];
const DAMAGED = 5;

async function run(flags: ParsedArguments): Promise<number> {
  const stop = new AbortController();
  using _signals = onStopSignal(() => stop.abort());
  if (flags.positional.length > 0)
    return verifyTargets(flags, [await targetOf(flags, oneArgument(flags, "verify"))], stop.signal);
  const config = await loadConfig(flags);
  if (config.fleet !== undefined) return verifyAll(flags, config, config.fleet, stop.signal);
  if (config.databases.length === 0)
    throw new LitewakeError("usage", "there is no database to verify", { next: "add one under `dbs:`, or give a URL" });
  const targets = await Promise.all(config.databases.map(({ path }) => targetOf(flags, path)));
  return verifyTargets(flags, targets, stop.signal);
}

interface Answer {
  readonly database: string | null;
  readonly name: string;
  readonly report?: VerifyReport;
  readonly error?: unknown;
}

async function verifyTargets(flags: ParsedArguments, targets: readonly Target[], signal: AbortSignal): Promise<number> {
  const how = { generation: generationOf(flags), parallelism: parallelismOf(flags), patienceMs: patienceOf(flags) };
  const answers: Answer[] = [];
  for (const target of targets) {
    for (const replica of target.replicas) {
      const about = { database: target.database ?? null, name: replica.name };
      try {
        const pins = await pinsOf(target);
        answers.push({ ...about, report: await verifyOne(replica.name, { ...how, target, pins, signal }) });
      } catch (error) {
        if (signal.aborted) throw error;
        answers.push({ ...about, error });
      }
    }
  }
  return answer(flags, answers);
}

interface How {
  readonly target: Target;
  readonly generation: ReturnType<typeof generationOf>;
  readonly parallelism: number | undefined;
  readonly patienceMs: number;
  readonly pins: readonly Pin[];
  readonly signal: AbortSignal;
}

async function verifyOne(name: string, { target, patienceMs, ...how }: How): Promise<VerifyReport> {
  const config = target.replicas.find((replica) => replica.name === name);
  if (config === undefined) throw new LitewakeError("internal", `there is no replica ${name}`);
  const client = await openConfigured(config, target.config);
  using progress = new ProgressLine();
  try {
    const tell = (line: string): void => {
      progress.clear();
      note(`litewake: ${line}`);
    };
    const replica = { name, client: patient(client, patienceMs, tell) };
    return await verifyReplica({
      replica,
      ...how,
      onProgress: (done) => progress.show({ phase: "verifying", ...done }),
    });
  } finally {
    await client.close();
  }
}

/** What retention keeps of a database of a fleet, however old. */
async function pinsOf({ database, config, replicas }: Target): Promise<readonly Pin[]> {
  if (config?.fleet !== undefined && database !== undefined)
    return pinsIn(config.fleet.root, nameOf(config.fleet, database), config);
  const [replica] = replicas;
  const above = database === undefined && replica?.url !== undefined ? aboveOf(replica.url) : undefined;
  if (replica === undefined || above === undefined) return [];
  // A URL may be of a fleet's database: then the pins lie above it. Whoever may read one database only, has none.
  return pinsIn({ ...replica, url: above.url, age: undefined }, above.name).catch(() => []);
}

async function pinsIn(root: ReplicaConfig, name: string, config?: Config): Promise<readonly Pin[]> {
  const client = await openConfigured(root, config);
  try {
    return (await readPins(client)).flatMap(({ places }) => places.get(name) ?? []);
  } finally {
    await client.close();
  }
}

/** The place above a URL's, and the name that it has there. */
function aboveOf(url: string): { readonly url: string; readonly name: string } | undefined {
  const [, place, name = "", query = ""] = /^([a-z][a-z0-9+.-]*:\/\/[^?]+)\/([^/?]+)\/*(\?.*)?$/i.exec(url) ?? [];
  return place === undefined ? undefined : { url: `${place}${query}`, name };
}

function answer(flags: ParsedArguments, answers: readonly Answer[]): number {
  const [only] = answers;
  if (answers.length === 1 && only?.error !== undefined) throw only.error;
  const reports = answers.flatMap(({ report }) => (report === undefined ? [] : [report]));
  if (flags.boolean("json")) {
    const replicas = answers.map(({ database, name, report, error }) =>
      report === undefined ? { database, replica: name, error: lineOf(error) } : { database, ...report },
    );
    printJson({ replicas });
  } else print(reportText(reports));
  const codes = new Set<number>();
  for (const { name, report, error } of answers) {
    if (report === undefined) note(`litewake: replica ${name}: ${lineOf(error)}`);
    else note(`litewake: ${verdictLine(report)}`);
    if (report?.sound !== true) codes.add(report === undefined ? exitCodeOf(error) : DAMAGED);
  }
  return GRAVITY.find((code) => codes.has(code)) ?? [...codes][0] ?? 0;
}

async function verifyAll(
  flags: ParsedArguments,
  config: Config,
  fleet: FleetConfig,
  signal: AbortSignal,
): Promise<number> {
  const unfit = ["replica", "generation"].find((name) => flags.string(name) !== undefined);
  if (unfit !== undefined)
    throw new LitewakeError("usage", `-${unfit} is of one database`, { next: "name the database too" });
  const client = await openConfigured(fleet.root, config);
  using progress = new ProgressLine();
  const sum = new FleetProgress(config.databases.length);
  const tell = (line: string): void => {
    progress.clear();
    note(`litewake: ${line}`);
  };
  try {
    const report = await verifyDatabases({
      fleet,
      client: patient(client, patienceOf(flags), tell),
      parallelism: parallelismOf(flags),
      signal,
      onProgress: (name, done) => progress.show({ ...sum.take(name, done), phase: "verifying" }),
    });
    progress.clear();
    if (flags.boolean("json")) printJson({ fleet: report });
    else print(fleetText(report));
    note(`litewake: ${fleetVerdictLine(report)}`);
    return report.sound ? 0 : DAMAGED;
  } catch (error) {
    throw ReplicaError.is(error)
      ? new LitewakeError("unreachable", `${client.url}: ${error.message}`, { cause: error })
      : error;
  } finally {
    await client.close();
  }
}

export const verify: Command = {
  usage: ["verify [flags]", "verify [flags] DB_PATH", "verify [flags] REPLICA_URL"],
  flags: {
    ...CONFIG_FLAGS,
    replica: { kind: "string", value: "NAME", help: "only this replica of the database" },
    generation: { kind: "string", value: "ID", help: "only this generation (default: all)" },
    ...PARALLELISM_FLAG,
    ...AGE_FLAG,
    ...PATIENCE_FLAG,
    json: { kind: "boolean", help: "print the report as JSON" },
  },
  notes:
    "Reads every object once and writes nothing. Without an argument: every replica of the configuration; of a fleet, its restore points too.\n" +
    "Exit code 0: everything can be restored; 5: something cannot, with what and from when to when; 3: there is no backup; 4: not reached.",
  run,
};
