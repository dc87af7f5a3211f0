// The `replication:` block: the page's defaults, an application's file around it, and one line with its place for each mistake.
import { describe, expect, it } from "vitest";
import type { Config, FleetConfig } from "../../src/config/config.ts";
import { readConfig } from "../../src/config/read-config.ts";

const read = (text: string): Config =>
  readConfig({ file: "litejoin.yaml", text, env: { HOME: "/home/me" }, expandEnv: true, cwd: "/work" });

function fleetOf(text: string): FleetConfig {
  const { fleet } = read(text);
  if (fleet === undefined) throw new Error("no fleet");
  return fleet;
}

/** An application's file with the given lines in its block. */
const withBlock = (...lines: string[]): string =>
  `server:\n  port: 80\nshard_count: 8\nreplication:\n  enabled: true\n  replica_url: s3://my-bucket/litejoin\n${lines.map((line) => `  ${line}\n`).join("")}`;

function failure(text: string): string {
  try {
    read(text);
  } catch (error) {
    expect(error).toMatchObject({ name: "LitewakeError", kind: "usage" });
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error(`this was accepted:\n${text}`);
}

describe("a replication: block", () => {
  it("as the page has it, in a file of an application's own", () => {
    const text = withBlock(
      'mode: "sidecar"',
      "sync_interval: 1s",
      "restore_on_boot: true",
      "snapshot_interval: 1h",
      "retention: 72h",
    );
    expect(fleetOf(text)).toEqual(fleetOf(withBlock()));
    expect(fleetOf(text)).toEqual({
      mode: "sidecar",
      root: {
        name: "s3",
        type: "s3",
        url: "s3://my-bucket/litejoin",
        settings: {},
        places: {},
        age: undefined,
        syncIntervalMs: 1000,
        snapshotIntervalMs: 3_600_000,
        retentionMs: 259_200_000,
        retentionCheckIntervalMs: 3_600_000,
        leaseMs: 30_000,
        verifyIntervalMs: 0,
      },
      folder: "/work/data",
      layout: {
        kind: "shards",
        sharding: { shards: Array.from({ length: 8 }, (_, n) => `shard_${n}`), hashBits: 32, dlq: "dlq" },
      },
      restoreOnBoot: true,
      pointsIntervalMs: 10_000,
      maxWalBytes: undefined,
      sealed: true,
      reshard: { keys: {}, everywhere: [] },
    });
  });

  it("with drills, and where they restore to", () => {
    expect(fleetOf(withBlock("verify_interval: 24h", "verify_path: drills"))).toMatchObject({
      root: { verifyIntervalMs: 86_400_000 },
      verifyPath: "/work/drills",
    });
    expect(fleetOf(withBlock("verify_interval: 0s"))).toMatchObject({ root: { verifyIntervalMs: 0 } });
  });

  it("knows each database with the place of its replica", () => {
    const databases = read(
      withBlock("replica_url: s3://b/p?region=eu-west-1").replace("  replica_url: s3://my-bucket/litejoin\n", ""),
    ).databases;
    expect(databases.map(({ path, replicas }) => [path, replicas[0]?.url]).slice(6)).toEqual([
      ["/work/data/shard_6.db", "s3://b/p/shard_6?region=eu-west-1"],
      ["/work/data/shard_7.db", "s3://b/p/shard_7?region=eu-west-1"],
      ["/work/data/dlq.db", "s3://b/p/dlq?region=eu-west-1"],
    ]);
  });

  it("may say it otherwise", () => {
    const text = withBlock(
      "data_dir: /var/lib/app",
      "shard_count: 2",
      "shard_name: part-{i}",
      "dlq: dead.db",
      "hash: fnv1a-64",
      "points: 0s",
      "max_wal: 2GiB",
      "barrier: none",
      "exec: app run",
    );
    expect(fleetOf(text)).toMatchObject({
      folder: "/var/lib/app",
      layout: { sharding: { shards: ["part-0", "part-1"], hashBits: 64, dlq: "dead" } },
      pointsIntervalMs: 0,
      maxWalBytes: 2 * 2 ** 30,
      sealed: false,
    });
    expect(read(text).exec).toBe("app run");
    expect(fleetOf(withBlock("dlq: false")).layout).toMatchObject({ sharding: { dlq: null } });
  });

  it.each([
    ["at the top", "shard_count: 3\ndata_dir: ./d\n", ""],
    ["in another block", "storage:\n  shard_count: 3\n  data_dir: ./d\n", ""],
    ["in the block itself, which goes before", "storage:\n  shard_count: 5\n", "  shard_count: 3\n  data_dir: d\n"],
  ])("takes shard_count and data_dir from where the application has them: %s", (_where, around, inside) => {
    const { layout, folder } = fleetOf(`${around}replication:\n  enabled: true\n  replica_url: file:///r\n${inside}`);
    expect({ layout, folder }).toMatchObject({
      layout: { sharding: { shards: ["shard_0", "shard_1", "shard_2"] } },
      folder: "/work/d",
    });
  });

  it("may name databases by a pattern", () => {
    expect(fleetOf('replication: { enabled: true, replica_url: "file:///r", databases: "**/*.db" }').layout).toEqual({
      kind: "pattern",
      pattern: "**/*.db",
    });
  });

  it("that is switched off, or says nothing of it, need not be complete", () => {
    expect(read("replication:\n  replica_url: s3://b/p\n")).toMatchObject({
      disabled: true,
      fleet: undefined,
      databases: [],
    });
    expect(read("replication: { enabled: no }\n")).toMatchObject({ disabled: true });
  });
});

describe("one line says what is wrong, and where:", () => {
  const block = (line: string): string =>
    `replication:\n  enabled: true\n  replica_url: s3://b/p\n  shard_count: 2\n  ${line}\n`;
  it.each([
    ["replication:\n  enabled: perhaps\n", 'litejoin.yaml:2:3: enabled: "perhaps" is neither true nor false'],
    ["replication: on\n", "litejoin.yaml:1:1: replication must be a mapping of keys"],
    [
      "replication:\n  enabled: true\n  shard_count: 2\n",
      "litejoin.yaml:2:3: replication needs replica_url: add `replica_url: s3://bucket/path`, or `enabled: false`",
    ],
    ["replication:\n  enabled: true\n  shard_count: 2\n  replica_url: $NOT_SET\n", "replication needs replica_url"],
    [
      "replication:\n  enabled: true\n  shard_count: 2\n  replica_url: my-bucket/x\n",
      'litejoin.yaml:4:3: replica_url: "my-bucket/x" has no scheme: write it as s3://bucket/path, gcs://',
    ],
    [
      "replication:\n  enabled: true\n  replica_url: s3://b/p\n",
      "litejoin.yaml:2:3: replication needs shard_count: add it here or at the top of the file; or `databases:` with a pattern",
    ],
    [
      "a: { shard_count: 1 }\nb: { shard_count: 2 }\nreplication:\n  enabled: true\n  replica_url: s3://b/p\n",
      "litejoin.yaml:2:6: shard_count is there twice: say which one counts",
    ],
    [
      "shard_count: 0\nreplication:\n  enabled: true\n  replica_url: s3://b/p\n",
      'litejoin.yaml:1:1: shard_count: "0" is no whole number from 1 on',
    ],
    [
      "dbs: [{ path: a }]\nreplication: { enabled: true }\n",
      "litejoin.yaml:1:1: dbs and replication cannot stand together: keep one of them",
    ],
    [block("mode: standby"), 'litejoin.yaml:5:3: mode: "standby" is not known: sidecar or embedded'],
    [
      block("sync_interval: 1"),
      'litejoin.yaml:5:3: sync_interval: "1" is not a duration: write the unit: "1s" or "1ms"',
    ],
    [block("verify_interval: 10ms"), "litejoin.yaml:5:3: verify_interval: 10ms is too short: write at least 1000ms"],
    [block("sync_interval: 0s"), "litejoin.yaml:5:3: sync_interval: 0s is too short"],
    [block("snapshot_interval: often"), 'snapshot_interval: "often" is not a duration'],
    [block("retention: -1h"), "litejoin.yaml:5:3: retention: -1h is too short: it cannot be negative"],
    [block("points: [1s]"), "litejoin.yaml:5:3: points must be a single value"],
    [block("restore_on_boot: 2"), 'restore_on_boot: "2" is neither true nor false'],
    [
      block("sync-interval: 1s"),
      'litejoin.yaml:5:3: unknown key "sync-interval" in replication: did you mean "sync_interval"?',
    ],
    [block("shard_name: part"), 'litejoin.yaml:5:3: shard_name: "part" has no {i}: write it as shard_{i}'],
    [block("shard_name: ../{i}"), 'litejoin.yaml:5:3: shard_name: "../0" cannot be a folder\'s name'],
    [block("dlq: shard_1"), "litejoin.yaml:5:3: dlq: shard_1 is a shard's name too: give it a name of its own"],
    [block("hash: md5"), 'litejoin.yaml:5:3: hash: "md5" is not known: fnv1a-32 or fnv1a-64'],
    [block('databases: "/abs/*.db"'), 'litejoin.yaml:5:3: databases: "/abs/*.db" is no pattern below data_dir'],
    [block('databases: "*"'), 'litejoin.yaml:5:3: databases: "*" names no ending'],
    [block('databases: "*.db"\n  dlq: x'), "litejoin.yaml:6:3: dlq and databases cannot stand together"],
    [block("barrier: high"), 'litejoin.yaml:5:3: barrier: "high" is not known: sealed or none'],
    [block("addr: here"), 'litejoin.yaml:5:3: addr: "here" is no address'],
  ])("%j", (text, line) => {
    expect(failure(text)).toContain(line);
  });
});
