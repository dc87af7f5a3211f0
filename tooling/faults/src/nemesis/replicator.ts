// A replicator in a process of its own, as `litewake replicate` is one, for a store that another process serves. Its one
// argument is JSON (`ReplicatorOptions`); lines on its standard input ask for a sync (`sync 7`) or for what is known (`status`).
//
// It prints JSON lines: `up` when its code is loaded, `started`, `synced` with the number, `refused` when it could not start, `given-up` when nothing is left that
// can be shipped, `stopped` after SIGTERM, `log` for what core says.
import readline from "node:readline";
import { type FollowerTuning, Lease, leased, Replication } from "@litewake/core";
import { prefixed, type ReplicaClient, retrying } from "@litewake/core/backend";
import { RemoteStore } from "./remote-store.ts";
import { TrustingStore } from "./trusting-store.ts";

export interface ReplicatorOptions {
  readonly databases: readonly { readonly path: string; readonly folder: string }[];
  readonly socket: string;
  readonly putIfAbsent: boolean;
  /** Calls are repeated by the wrapper too, not only by the loop of the replica. */
  readonly retry: boolean;
  /** 0: no lease. Milliseconds. */
  readonly leaseMs: number;
  readonly syncIntervalMs: number;
  readonly snapshotIntervalMs: number;
  readonly retentionMs: number;
  readonly retentionCheckIntervalMs: number;
  readonly maxWalBytes?: number;
  readonly tuning: Partial<FollowerTuning>;
  /** A wrong variant, to be found out: a put that fails counts as acknowledged. */
  readonly trusting?: boolean;
  /** Waits between tries at the store are divided by this. */
  readonly hurry: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as ReplicatorOptions;

function say(event: string, fields: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

const lineOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const logger = (level: string, message: string, fields?: object) => {
  if (level !== "debug") say("log", { level, message, ...fields });
};

const leases: Lease[] = [];

async function clientOf(folder: string): Promise<ReplicaClient> {
  const { socket, putIfAbsent, trusting = false } = options;
  const Store = trusting ? TrustingStore : RemoteStore;
  const store = prefixed(new Store({ socket, url: "nemesis://store", putIfAbsent }), folder);
  const client = options.retry ? retrying(store, { attempts: 4, firstDelayMs: 10, maxDelayMs: 50 }) : store;
  if (options.leaseMs === 0) return client;
  const patientClient = retrying(store, { attempts: Infinity, totalMs: 60_000, firstDelayMs: 10, maxDelayMs: 100 });
  const lease = new Lease({ client, patientClient, ttlMs: options.leaseMs, logger });
  leases.push(lease);
  await lease.acquire(new AbortController().signal);
  return leased(client, lease);
}

async function start(): Promise<Replication> {
  const { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs, maxWalBytes, hurry } = options;
  const times = { syncIntervalMs, snapshotIntervalMs, retentionMs, retentionCheckIntervalMs };
  const databases = await Promise.all(
    options.databases.map(async ({ path, folder }) => ({ path, folder, client: await clientOf(folder) })),
  );
  return Replication.start({
    logger,
    databases: databases.map(({ path, folder, client }) => ({
      path,
      maxWalBytes,
      tuning: { ...options.tuning, retryWait: (ms) => ms / hurry },
      replicas: [{ name: folder, client, leased: options.leaseMs > 0, ...times }],
    })),
  });
}

function answerTo(replication: Replication, line: string): void {
  const [word, id] = line.split(" ");
  if (word === "status") say("status", { databases: replication.status });
  if (word !== "sync") return;
  replication.sync().then(
    (synced) => say("synced", { id: Number(id), positions: synced.map(({ positions }) => positions) }),
    (error: unknown) => say("unsynced", { id: Number(id), message: lineOf(error) }),
  );
}

async function end(replication: Replication, event: string, failure?: unknown): Promise<never> {
  let error = failure;
  try {
    await replication.stop();
  } catch (thrown) {
    error ??= thrown;
  }
  await Promise.all(leases.map((lease) => lease.release()));
  say(event, error === undefined ? {} : { message: lineOf(error) });
  process.exit(error === undefined ? 0 : 1);
}

say("up");
try {
  const replication = await start();
  readline.createInterface({ input: process.stdin }).on("line", (line) => answerTo(replication, line));
  process.on("SIGTERM", () => void end(replication, "stopped"));
  void replication.givenUp.then(() => end(replication, "given-up", replication.failure));
  say("started");
} catch (error) {
  say("refused", { message: lineOf(error) });
  await Promise.all(leases.map((lease) => lease.release()));
  process.exit(1);
}
