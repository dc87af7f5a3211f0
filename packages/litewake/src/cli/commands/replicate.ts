// `litewake replicate`: follows databases and ships what they commit, until it is told to stop.
import fs from "node:fs";
import { LitewakeError, type Logger } from "@litewake/core";
import {
  countInto,
  isLoopback,
  metered,
  newOperationMetrics,
  type OperationMetrics,
  type ReplicaClient,
  shownUrl,
} from "@litewake/core/backend";
import type { Config, FleetConfig, ReplicaConfig } from "../../config/config.ts";
import { DEFAULT_LOGGING, DEFAULT_WATCH } from "../../config/config.ts";
import { absolute } from "../../config/absolute.ts";
import { leanV8 } from "../../lean-v8.ts";
import { RunningDatabases } from "../../fleet/databases.ts";
import { RunningFleet } from "../../fleet/start.ts";
import { listenForCommands } from "../../watching/control.ts";
import { Heartbeat } from "../../watching/heartbeat.ts";
import { parseAddress, StatusServer } from "../../watching/server.ts";
import { type Command, note } from "../command.ts";
import { lineOf } from "../exit-code.ts";
import { giveWayToReaper } from "../first-process.ts";
import type { ParsedArguments } from "../flags.ts";
import { createLogger } from "../log.ts";
import { DEFAULT_PATIENCE_MS, patient } from "../patience.ts";
import { besideChild, finish, runAlone, type Running, untilStopped } from "../running.ts";
import { shellWords } from "../shell-words.ts";
import { StopSignals } from "../stop-signals.ts";
import { ageWarning } from "../../age-warning.ts";
import {
  AGE_FLAG,
  CONFIG_FLAGS,
  configFile,
  isUrl,
  loadConfig,
  loadingOf,
  openConfigured,
  replicaOfUrl,
} from "../targets.ts";

/** The configuration that the arguments stand for: `DB URL…`, or the file's. */
async function configOf(flags: ParsedArguments): Promise<Config> {
  const [database, ...urls] = flags.positional;
  if (database === undefined) return loadConfig(flags);
  if (flags.string("config") !== undefined) {
    throw new LitewakeError("usage", "a database and -config cannot stand together", {
      next: "give a database with its URLs, or the file",
    });
  }
  if (isUrl(database)) {
    throw new LitewakeError("usage", "a URL stands where the database was expected", {
      next: "litewake replicate DB_PATH REPLICA_URL",
    });
  }
  if (urls.length === 0)
    throw new LitewakeError("usage", "a database needs at least one replica URL", {
      next: "litewake replicate DB_PATH REPLICA_URL",
    });
  const replicas = urls.map((url) => {
    if (!isUrl(url))
      throw new LitewakeError("usage", `${shownUrl(url)} is no URL`, {
        next: "write it as file:///path, s3://bucket/path, …",
      });
    return replicaOfUrl(url, flags);
  });
  const names = replicas.map((replica) => replica.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new LitewakeError("usage", `two replicas of type ${twice}`, { next: "name each in a configuration file" });
  const path = absolute(database, { cwd: process.cwd(), env: process.env });
  return {
    folder: undefined,
    databases: [{ path, metaPath: undefined, verifyPath: undefined, maxWalBytes: undefined, sealed: true, replicas }],
    fleet: undefined,
    disabled: false,
    exec: undefined,
    logging: DEFAULT_LOGGING,
    watch: DEFAULT_WATCH,
    backends: {},
    warnings: [],
  };
}

async function run(flags: ParsedArguments): Promise<number> {
  leanV8();
  const once = flags.boolean("once");
  if (once && flags.string("exec") !== undefined)
    throw new LitewakeError("usage", "-once and -exec cannot stand together", { next: "keep one of them" });
  const config = await configOf(flags);
  const logger = createLogger(config.logging);
  for (const warning of config.warnings) logger("warn", warning);
  // Split before anything starts: an open quote is a mistake of the command line.
  const exec = shellWords(flags.string("exec") ?? config.exec ?? "");
  if (exec.length > 0 && !once) giveWayToReaper();
  const off = whyNot(config);
  if (off !== undefined) {
    note(`litewake: ${off}`);
    return exec.length === 0 || once ? 0 : runAlone(exec, logger);
  }
  const clients: ReplicaClient[] = [];
  const operations = new Map<string, OperationMetrics>();
  using signals = new StopSignals(logger);
  try {
    const start = { logger, clients, operations, signals };
    const starting =
      config.fleet === undefined
        ? startDatabases(config, flags, start)
        : startFleet(config.fleet, config, flags, start);
    const running = await Promise.race([starting, signals.hurried]);
    if (once) return await finish(running, signals, 0);
    await using _servers = await watch(running, config, flags, { logger, operations }).catch(async (error: unknown) => {
      await running.stop();
      throw error;
    });
    return exec.length === 0 ? await untilStopped(running, signals) : await besideChild(running, signals, exec);
  } catch (error) {
    if (!signals.hurry.aborted && signals.received === undefined) throw error;
    process.stderr.write(`litewake: ${lineOf(error)}\n`);
    return signals.code;
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()));
  }
}

/** Why there is nothing to do here, though nothing is wrong. */
function whyNot({ disabled, fleet }: Config): string | undefined {
  if (disabled) return "replication is switched off in the configuration (enabled: false); nothing is replicated";
  if (fleet?.mode === "embedded")
    return "the configuration says mode: embedded, so the application replicates by itself; nothing is replicated here";
  return undefined;
}

interface Starting {
  readonly logger: Logger;
  /** Every client that was opened, to be closed at the end. */
  readonly clients: ReplicaClient[];
  /** What the clients do, counted by type. */
  readonly operations: Map<string, OperationMetrics>;
}

interface RunStart extends Starting {
  readonly signals: StopSignals;
}

/** Opens a client whose calls are counted. */
async function openCounted(
  replica: ReplicaConfig,
  config: Config,
  { clients, operations, logger }: Starting,
): Promise<ReplicaClient> {
  const totals = operations.get(replica.type) ?? newOperationMetrics();
  operations.set(replica.type, totals);
  const opened = await openConfigured(replica, config, async (keys) => {
    const warning = await ageWarning(keys);
    if (warning !== undefined) logger("warn", warning, { replica: replica.name });
  });
  const client = metered(opened, countInto(totals));
  clients.push(client);
  return client;
}

/** Lets itself be watched: at `addr` where one is configured, and by `litewake status` and `point`. */
async function watch(
  running: Running,
  config: Config,
  flags: ParsedArguments,
  { logger, operations }: Pick<Starting, "logger" | "operations">,
): Promise<AsyncDisposable> {
  const { addr, staleMs, heartbeat } = config.watch;
  const watched = {
    get status() {
      return running.status;
    },
    operations,
  };
  const servers: AsyncDisposable[] = [];
  const address = addr === undefined ? undefined : parseAddress(addr);
  if (address !== undefined) {
    const server = await StatusServer.listen(address, { watched, staleMs, logger });
    servers.push(server);
    logger("info", "metrics are served", { port: server.port, host: address.host });
    if (!address.named)
      logger("info", 'addr names no host, so only this one is served; "0.0.0.0:PORT" serves others too');
    else if (!isLoopback(address.host))
      logger("warn", "metrics and status are served to other hosts, and nobody is asked who they are", {
        host: address.host,
      });
  }
  if (heartbeat !== undefined) servers.push(new Heartbeat({ ...heartbeat, watched, staleMs, logger }));
  if (flags.positional.length === 0) {
    const point = running instanceof RunningFleet ? (name: string) => running.point(name) : undefined;
    const control = await listenForCommands(configFile(flags), { watched, staleMs, point, logger });
    if (control !== undefined) servers.push(control);
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

async function startDatabases(config: Config, flags: ParsedArguments, starting: RunStart): Promise<Running> {
  const { databases } = config;
  if (databases.length === 0)
    throw new LitewakeError("usage", "there is no database to replicate", { next: "add one under `dbs:`" });
  refuseMissingOnce(config, flags);
  const { logger, signals } = starting;
  return RunningDatabases.start({
    databases,
    open: (replica) => openCounted(replica, config, starting),
    logger,
    newHistory: flags.boolean("new-history"),
    takeOver: flags.boolean("take-over"),
    loading: loadingOf(config),
    signal: stopSignalOf(signals),
  });
}

function stopSignalOf(signals: StopSignals): AbortSignal {
  const stop = new AbortController();
  void signals.first.then(() => stop.abort());
  return stop.signal;
}

async function startFleet(
  fleet: FleetConfig,
  config: Config,
  flags: ParsedArguments,
  starting: RunStart,
): Promise<Running> {
  const { logger, signals } = starting;
  if (!fleet.restoreOnBoot) refuseMissingOnce(config, flags);
  const client = await openCounted(fleet.root, config, starting);
  const patientClient = patient(client, DEFAULT_PATIENCE_MS, (line) => logger("warn", line));
  return RunningFleet.start({
    fleet,
    client,
    patientClient,
    logger,
    newHistory: flags.boolean("new-history"),
    takeOver: flags.boolean("take-over"),
    loading: loadingOf(config),
    signal: stopSignalOf(signals),
    progress: true,
  });
}

/** Following waits for a database that is not there yet; a single run has nothing to wait for. */
function refuseMissingOnce(config: Config, flags: ParsedArguments): void {
  const missing = flags.boolean("once") ? config.databases.find(({ path }) => !fs.existsSync(path)) : undefined;
  if (missing !== undefined)
    throw new LitewakeError("database", `${missing.path} does not exist`, { next: "check the path" });
}

export const replicate: Command = {
  usage: ["replicate [flags]", "replicate [flags] DB_PATH REPLICA_URL..."],
  flags: {
    ...CONFIG_FLAGS,
    ...AGE_FLAG,
    exec: {
      kind: "string",
      value: "COMMAND",
      help: "run this beside replication; end with its exit code after a last sync",
    },
    once: { kind: "boolean", help: "ship what is there and end" },
    "take-over": { kind: "boolean", help: "take the replica's lease from the process that holds it, without waiting" },
    "new-history": {
      kind: "boolean",
      help: "begin a new generation even if the database is empty or older than the replica",
    },
  },
  notes:
    "SIGINT or SIGTERM ships what is left (for up to 30 s) and ends; a second one ends at once.\n" +
    "Exit code 74: the end was orderly, but the last commits could not be shipped; they stay in the WAL.",
  run,
};
