// A process that is stopped (SIGSTOP) while it holds the lease, with a put of its own held in the network; another one that
// takes over; the put that arrives then, and the first one that wakes (SIGCONT). On every store, with what users run.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { azurite, gcs, minio } from "@litewake-tooling/emulators";
import {
  type ManagedProcess,
  runLitestream,
  runLitewake,
  spawnLitewake,
  spawnWriter,
  tempDir,
  type TempDir,
  verifyLedger,
} from "@litewake-tooling/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { removeLocalTrips, type Store, stores } from "../../../packages/litewake/test/stores/stores.ts";
import { RecordingProxy, type SeenRequest } from "../src/rivals/recording-proxy.ts";

const LEASE_MS = 3000;
const PATIENT_MS = 90_000;

afterAll(removeLocalTrips);

interface Upstream {
  readonly endpoint: string;
  readonly through: (env: Store["env"], endpoint: string) => Store["env"];
}

/** Those whose requests can be seen and held. */
const upstreams: Readonly<Record<string, Upstream>> = {
  s3: { endpoint: minio.endpoint, through: (env, endpoint) => ({ ...env, AWS_ENDPOINT_URL_S3: endpoint }) },
  gcs: {
    endpoint: gcs.endpoint,
    through: (env, endpoint) => ({ ...env, STORAGE_EMULATOR_HOST: new URL(endpoint).host }),
  },
  abs: {
    endpoint: azurite.endpoint,
    through: (env, endpoint) => ({
      ...env,
      AZURE_STORAGE_CONNECTION_STRING: env["AZURE_STORAGE_CONNECTION_STRING"]?.replace(azurite.endpoint, endpoint),
    }),
  },
};

/** A host: a folder with its configuration, and its way to the store. */
class Host {
  readonly folder: TempDir;
  readonly database: string;
  readonly #env: Store["env"];

  constructor(name: string, url: string, env: Store["env"]) {
    this.folder = tempDir(`rival-${name}`);
    this.database = this.folder.join("data/shard_0.db");
    this.#env = env;
    fs.mkdirSync(this.folder.join("data"));
    const replication = {
      enabled: true,
      replica_url: url,
      sync_interval: "50ms",
      points: "0s",
      lease: `${LEASE_MS}ms`,
      shard_count: 1,
      dlq: false,
    };
    fs.writeFileSync(this.folder.join("c.yaml"), JSON.stringify({ replication }));
  }

  start(): ManagedProcess {
    return spawnLitewake(["replicate", "-config", "c.yaml"], { cwd: this.folder.path, env: this.#env });
  }

  /** The last row of the ledger that the replica gives back. */
  async restored(): Promise<number> {
    const output = this.folder.join("restored.db");
    fs.rmSync(output, { force: true });
    const args = ["restore", "-config", "c.yaml", "-o", output, this.database];
    const { code, stderr } = await runLitewake(args, { cwd: this.folder.path, env: this.#env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
    return proved(output);
  }
}

function proved(file: string): number {
  const { firstBreak, lastSeq } = verifyLedger(file);
  expect(firstBreak).toBeUndefined();
  return lastSeq;
}

function ofShard(url: string): string {
  const [place = "", query] = url.split("?");
  return `${place}/shard_0${query === undefined ? "" : `?${query}`}`;
}

/** As stock Litestream 0.3.13 restores it. */
async function restoredByLitestream(store: Store, url: string, folder: TempDir): Promise<number> {
  const output = folder.join("stock.db");
  fs.rmSync(output, { force: true });
  const [first = "", ...more] = store.litestream(ofShard(url));
  const config = ["dbs:", "  - path: /nowhere/shard_0.db", "    replicas:", `      - ${first}`];
  const lines = [...config, ...more.map((line) => `        ${line}`)];
  const env = { ...store.env, AWS_ENDPOINT_URL_S3: undefined };
  const args = ["restore", "-o", output, "/nowhere/shard_0.db"];
  const { code, stderr } = await runLitestream("0.3.13", args, { config: `${lines.join("\n")}\n`, env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  return proved(output);
}

const isOfLease = ({ about }: SeenRequest): boolean => /litewake\/(lease|probe)\//.test(about);
const isWrite = ({ method }: SeenRequest): boolean => method === "PUT" || method === "POST" || method === "DELETE";
const isSegment = (request: SeenRequest): boolean =>
  isWrite(request) && /\/wal\//.test(request.about) && Math.floor((request.status ?? 0) / 100) === 2;

describe.concurrent.each(stores)("a process that wakes after its lease went, on $name", (store) => {
  it("writes nothing more, and what it had under way changes no restore", { timeout: 240_000 }, async () => {
    const upstream = upstreams[store.name];
    const url = store.url();
    await using proxy = upstream === undefined ? undefined : await RecordingProxy.before(upstream.endpoint);
    const away = new Host(
      "a",
      url,
      proxy === undefined ? store.env : (upstream?.through(store.env, proxy.endpoint) ?? {}),
    );
    const here = new Host("b", url, store.env);
    await using writer = await spawnWriter("node-sqlite", away.database, { rate: 100, reportEvery: 1 });
    await using loser = away.start();
    await loser.waitFor(/msg="snapshot written"/, PATIENT_MS);
    await writer.reached(writer.committed() + 40, PATIENT_MS);

    // History enough that the put in the network is one of many.
    const isEnough = () => proxy === undefined || proxy.requests.filter(isSegment).length >= 3;
    while (!isEnough()) await sleep(50);
    const held = await proxy?.hold(/\/wal\//);
    loser.pause();
    const stoppedMs = performance.now();
    await writer.kill();
    await using winner = here.start();
    await winner.waitFor(/msg="the lease of another process has run out; it is taken over"/, PATIENT_MS);
    await winner.waitFor(/msg="(same generation goes on|snapshot written)"/, PATIENT_MS);
    // Idle: nothing that it writes later can hide what comes in.
    const taken = proved(here.database);
    const had = await here.restored();
    expect(had).toBe(taken);
    if (held !== undefined) expect(await held.letThrough()).toBeOneOf([409, 412]);
    loser.resume();
    await loser.waitFor(/was taken over by process \d+ on \S+: this process writes nothing more/, PATIENT_MS);
    expect(await loser.ended).toEqual({ code: 7, signal: null });
    expect(await here.restored()).toBe(had);
    expect(await restoredByLitestream(store, url, here.folder)).toBe(had);
    const late = proxy?.requests.filter(
      (request) => isWrite(request) && request.atMs > stoppedMs + LEASE_MS && !isOfLease(request),
    );
    expect(late ?? []).toEqual([]);

    // The winner's own history goes on from there.
    await using second = await spawnWriter("node-sqlite", here.database, { commits: 30, reportEvery: 1 });
    await second.finished();
    await sleep(100);
    await winner.stop(PATIENT_MS);
    expect(await here.restored()).toBe(taken + 30);
    expect(await restoredByLitestream(store, url, here.folder)).toBe(taken + 30);
  });
});
