// `litewake replicate`: follows databases and ships what they commit, until it is told to stop.
import { constants } from "node:os";
import { type DatabaseReplication, LitewakeError, type Logger, Replication } from "@litewake/core";
import type { Config, DatabaseConfig } from "../../config/config.ts";
import { DEFAULT_LOGGING } from "../../config/config.ts";
import { absolute } from "../../config/read-config.ts";
import { Child } from "../child.ts";
import type { Command } from "../command.ts";
import { EXIT_TAIL_NOT_DURABLE, exitCodeOf, lineOf } from "../exit-code.ts";
import type { ParsedArguments } from "../flags.ts";
import { createLogger } from "../log.ts";
import { CONFIG_FLAGS, isUrl, loadConfig, openConfigured, replicaOfUrl } from "../targets.ts";

const STOP_SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];
/** How often a replication that has failed for good is noticed. Milliseconds. */
const FAILURE_POLL_MS = 1000;

/** The configuration that the arguments stand for: `DB URL…`, or the file's. */
function configOf(flags: ParsedArguments): Config {
  const [database, ...urls] = flags.positional;
  if (database === undefined) return loadConfig(flags);
  if (flags.string("config") !== undefined) {
    throw new LitewakeError("usage", "a database and -config cannot stand together", { next: "give a database with its URLs, or the file" });
  }
  if (isUrl(database)) throw new LitewakeError("usage", `${database} is a URL where a database was expected`, { next: "litewake replicate DB_PATH REPLICA_URL" });
  if (urls.length === 0) throw new LitewakeError("usage", "a database needs at least one replica URL", { next: "litewake replicate DB_PATH REPLICA_URL" });
  const replicas = urls.map((url) => {
    if (!isUrl(url)) throw new LitewakeError("usage", `${url} is no URL`, { next: "write it as file:///path, s3://bucket/path, …" });
    return replicaOfUrl(url);
  });
  const names = replicas.map((replica) => replica.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new LitewakeError("usage", `two replicas of kind ${twice}`, { next: "name them in a configuration file" });
  const path = absolute(database, { cwd: process.cwd(), env: process.env });
  return {
    databases: [{ path, metaPath: undefined, maxWalBytes: undefined, sealed: true, replicas }],
    exec: undefined,
    logging: DEFAULT_LOGGING,
    backends: {},
    warnings: [],
  };
}

async function replicationOf(database: DatabaseConfig, config: Config): Promise<DatabaseReplication> {
  const replicas = await Promise.all(
    database.replicas.map(async ({ name, syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs, ...place }) => ({
      name,
      client: await openConfigured({ name, syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs, ...place }, config),
      syncIntervalMs,
      snapshotIntervalMs,
      retentionMs,
      retentionCheckIntervalMs,
    })),
  );
  return {
    path: database.path,
    metaPath: database.metaPath,
    maxWalBytes: database.maxWalBytes,
    replicas,
    ...(database.sealed ? {} : { tuning: { sealFromBytes: Number.POSITIVE_INFINITY } }),
  };
}

/** Signals that ask for an end: the first for an orderly one, the second for one at once. */
class Signals {
  readonly first: Promise<NodeJS.Signals>;
  readonly hurry = new AbortController();
  readonly #listener: (signal: NodeJS.Signals) => void;
  #child: Child | undefined;

  constructor(logger: Logger) {
    let seen = 0;
    let resolveFirst: (signal: NodeJS.Signals) => void = () => {};
    this.first = new Promise((resolve) => {
      resolveFirst = resolve;
    });
    this.#listener = (signal) => {
      seen++;
      this.#child?.signal(seen === 1 ? signal : "SIGKILL");
      if (seen === 1) {
        logger("info", "stopping: shipping what is left", { signal });
        resolveFirst(signal);
      } else {
        this.hurry.abort();
      }
    };
    for (const signal of STOP_SIGNALS) process.on(signal, this.#listener);
  }

  forwardTo(child: Child): void {
    this.#child = child;
  }

  [Symbol.dispose](): void {
    for (const signal of STOP_SIGNALS) process.off(signal, this.#listener);
  }
}

async function run(flags: ParsedArguments): Promise<number> {
  const config = configOf(flags);
  const logger = createLogger(config.logging);
  for (const warning of config.warnings) logger("warn", warning);
  if (config.databases.length === 0) throw new LitewakeError("usage", "there is no database to replicate", { next: "add one under `dbs:`" });
  const databases = await Promise.all(config.databases.map((database) => replicationOf(database, config)));
  using signals = new Signals(logger);
  const replication = await Replication.start({ databases, logger, newHistory: flags.boolean("new-history") });
  try {
    if (flags.boolean("once")) return await finish(replication, signals, 0);
    const exec = flags.string("exec") ?? config.exec;
    return exec === undefined || exec === "" ? await untilStopped(replication, signals) : await besideChild(replication, signals, exec);
  } finally {
    for (const { replicas } of databases) for (const { client } of replicas) await client.close();
  }
}

async function untilStopped(replication: Replication, signals: Signals): Promise<number> {
  const failed = failureOf(replication);
  const signal = await Promise.race([signals.first, failed.promise]);
  failed.stop();
  const code = await finish(replication, signals, 0);
  if (replication.failure !== undefined) throw replication.failure;
  return signals.hurry.signal.aborted && typeof signal === "string" ? 128 + constants.signals[signal] : code;
}

/** Resolves when a database or replica has failed for a reason that no retry can mend. */
function failureOf(replication: Replication): { promise: Promise<undefined>; stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<undefined>((resolve) => {
    timer = setInterval(() => {
      if (replication.failure !== undefined) resolve(undefined);
    }, FAILURE_POLL_MS);
  });
  return { promise, stop: () => clearInterval(timer) };
}

/** The final sync runs whatever the child's end was; then its code is ours. */
async function besideChild(replication: Replication, signals: Signals, exec: string): Promise<number> {
  let child: Child;
  try {
    child = await Child.start(exec);
  } catch (error) {
    await replication.stop();
    throw error;
  }
  signals.forwardTo(child);
  const { code } = await child.ended;
  return finish(replication, signals, code);
}

async function finish(replication: Replication, signals: Signals, code: number): Promise<number> {
  const deadline = AbortSignal.any([AbortSignal.timeout(STOP_DEADLINE_MS), signals.hurry.signal]);
  try {
    await replication.stop({ signal: deadline });
    return code;
  } catch (error) {
    process.stderr.write(`litewake: ${lineOf(error)}\n`);
    if (code !== 0) return code;
    return exitCodeOf(error) === 4 ? EXIT_TAIL_NOT_DURABLE : exitCodeOf(error);
  }
}

/** The last sync may take so long. */
const STOP_DEADLINE_MS = 30_000;

export const replicate: Command = {
  summary: "ship every commit of databases to their replicas",
  usage: ["replicate [flags]", "replicate [flags] DB_PATH REPLICA_URL..."],
  flags: {
    ...CONFIG_FLAGS,
    exec: { kind: "string", value: "COMMAND", help: "run this beside replication; end with its exit code after a last sync" },
    once: { kind: "boolean", help: "ship what is there and end" },
    "new-history": { kind: "boolean", help: "begin a new generation even if the database is empty or older than the replica" },
  },
  notes: "SIGINT or SIGTERM ships what is left and ends; a second one ends at once.",
  run,
};
