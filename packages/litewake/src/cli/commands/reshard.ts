// `litewake reshard`: spreads a fleet's rows over another number of shards, while the application is stopped.
import path from "node:path";
import { Lease, leased, LitewakeError, type ReshardResult, reshard as reshardFleet } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import type { FleetConfig } from "../../config/config.ts";
import { fileOf } from "../../config/read-fleet.ts";
import { type Command, note, print, printJson } from "../command.ts";
import type { ParsedArguments } from "../flags.ts";
import { createLogger } from "../log.ts";
import { onStopSignal } from "../on-stop.ts";
import { patient, PATIENCE_FLAG, patienceOf } from "../patience.ts";
import { table } from "../table.ts";
import { AGE_FLAG, CONFIG_FLAGS, fleetOf, openConfigured } from "../targets.ts";
import { parseTimestamp } from "../timestamp.ts";

/** Beside the databases, so that they get their names by a rename. */
const SCRATCH = ".litewake-reshard";

async function run(flags: ParsedArguments): Promise<number> {
  if (flags.positional.length > 0) {
    throw new LitewakeError("usage", "reshard is of all databases of a fleet", { next: "give -config only" });
  }
  const { config, fleet } = await fleetOf(flags);
  const stop = new AbortController();
  using _signals = onStopSignal(() => stop.abort());
  const store = await openConfigured(fleet.root, config);
  const logger = createLogger({ ...config.logging, stderr: true });
  const asking = (one: ReplicaClient) => patient(one, patienceOf(flags), (line) => note(`litewake: ${line}`));
  const client = asking(store);
  // What is only looked at needs no lease.
  const holds = fleet.root.leaseMs > 0 && !flags.boolean("dry-run");
  const lease = holds
    ? new Lease({
        client: store,
        patientClient: client,
        ttlMs: fleet.root.leaseMs,
        takeOver: flags.boolean("take-over"),
        logger,
      })
    : undefined;
  try {
    await lease?.acquire(stop.signal);
    const result = await reshardFleet({
      ...settingsOf(flags, fleet),
      // Each try needs the lease, not the first one only.
      client: lease === undefined ? client : asking(leased(store, lease)),
      contested: lease?.contested === true,
      logger,
      signal: stop.signal,
    });
    lease?.settled();
    return report(flags, result, store);
  } catch (error) {
    throw stop.signal.aborted ? new LitewakeError("aborted", "resharding was stopped", { cause: error }) : error;
  } finally {
    await lease?.release();
    await store.close();
  }
}

function settingsOf(flags: ParsedArguments, fleet: FleetConfig) {
  const { layout } = fleet;
  if (layout.kind !== "shards") {
    throw new LitewakeError("usage", "a fleet by a pattern has no shards", {
      next: "give a configuration with shard_count",
    });
  }
  const name = flags.string("point");
  const time = flags.string("timestamp");
  if (name !== undefined && time !== undefined) {
    throw new LitewakeError("usage", "-point and -timestamp cannot stand together", { next: "keep one of them" });
  }
  const timestamp = time === undefined ? undefined : parseTimestamp(time);
  return {
    to: layout.sharding,
    ...fleet.reshard,
    fileOf: (database: string) => fileOf(fleet, database),
    scratch: path.join(fleet.folder, SCRATCH),
    target: name === undefined && timestamp === undefined ? undefined : { name, timestamp },
    dryRun: flags.boolean("dry-run"),
  };
}

function report(flags: ParsedArguments, result: ReshardResult | undefined, { url }: ReplicaClient): number {
  if (flags.boolean("json")) {
    printJson({ resharded: result ?? null });
    return 0;
  }
  if (result === undefined) {
    note(`litewake: ${url} is sharded like this already; nothing to do`);
    return 0;
  }
  const { from, to, tables, point } = result;
  const rows = tables.map(({ table: name, key, rows: count, sum, spread }) => [
    name,
    key ?? "(everywhere)",
    String(count),
    sum,
    `${Math.min(...spread)} to ${Math.max(...spread)}`,
  ]);
  print(table(["table", "key", "rows", "sum", "rows in a shard"], rows));
  const what = `${from.shards.length} shards (epoch ${from.epoch}) to ${to.shards.length} (epoch ${to.epoch})`;
  if (point === null) note(`litewake: ${what}: all rows can be spread; nothing was changed (-dry-run)`);
  else
    note(`litewake: ${what}: every row is where its key belongs; the state before stays restorable as -point ${point}`);
  return 0;
}

export const reshard: Command = {
  usage: ["reshard [flags]"],
  flags: {
    ...CONFIG_FLAGS,
    ...AGE_FLAG,
    point: { kind: "string", value: "NAME", help: "take the rows from this restore point (default: the newest state)" },
    timestamp: {
      kind: "string",
      value: "TIME",
      help: "take the rows from the newest restore point at this time, RFC 3339",
    },
    "take-over": { kind: "boolean", help: "take the replica's lease from the process that holds it, without waiting" },
    ...PATIENCE_FLAG,
    "dry-run": { kind: "boolean", help: "restore, spread and prove, then throw it away; change nothing" },
    json: { kind: "boolean", help: "print the result as JSON" },
  },
  notes:
    "The configuration says how it shall be: set shard_count to the new number and name each table's key column in reshard: keys:.\n" +
    "The application must be stopped, and its databases moved away: rows are taken from the replica.",
  run,
};
