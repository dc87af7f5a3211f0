// litestream.yml as it is, Litewake's own keys, and one line with its place for each mistake.
import { describe, expect, it } from "vitest";
import type { Config, DatabaseConfig, ReplicaConfig } from "../../src/config/config.ts";
import { readConfig, type ReadOptions } from "../../src/config/read-config.ts";

function read(text: string, options: Partial<ReadOptions> = {}): Config {
  return readConfig({
    file: "litewake.yml",
    text,
    env: { HOME: "/home/me" },
    expandEnv: true,
    cwd: "/work",
    ...options,
  });
}

function failure(text: string, options: Partial<ReadOptions> = {}): string {
  try {
    read(text, options);
  } catch (error) {
    expect(error).toMatchObject({ name: "LitewakeError", kind: "usage" });
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error(`this was accepted:\n${text}`);
}

function only<T>(items: readonly T[]): T {
  const [item, ...more] = items;
  if (item === undefined || more.length > 0) throw new Error(`${items.length} items where one was expected`);
  return item;
}

/** A file with one database and the given lines in its replica. */
function withReplica(...lines: string[]): string {
  return `dbs:\n  - path: /a.db\n    replicas:\n      - ${lines.join("\n        ")}\n`;
}

function withDatabase(...lines: string[]): string {
  return `dbs:\n  - path: /a.db\n    ${lines.join("\n    ")}\n    replicas:\n      - url: file:///r\n`;
}

const databaseOf = (text: string): DatabaseConfig => only(read(text).databases);
const replicaOf = (...lines: string[]): ReplicaConfig => only(databaseOf(withReplica(...lines)).replicas);

describe("a litestream.yml", () => {
  it("of the kind people have works as it is: one database for each shard, S3, no file of its own", () => {
    const shard = (i: number) => `  - path: ./data/shard_${i}.db
    replicas:
      - type: s3
        bucket: my-litejoin-backups
        path: shard_${i}
        region: us-east-1
        sync-interval: 1s
`;
    const config = read(`dbs:\n${shard(0)}\n${shard(1)}\n  # ... one entry per shard (match your shard_count)\n`);
    expect(config.databases.map((database) => database.path)).toEqual([
      "/work/data/shard_0.db",
      "/work/data/shard_1.db",
    ]);
    expect(config.databases.map((database) => only(database.replicas))).toMatchObject(
      [0, 1].map((i) => ({
        name: "s3",
        type: "s3",
        url: undefined,
        settings: { bucket: "my-litejoin-backups", path: `shard_${i}`, region: "us-east-1" },
        syncIntervalMs: 1000,
      })),
    );
    expect(config.warnings).toEqual([]);
  });

  it("has Litestream's defaults, and Litewake's for its own keys", () => {
    expect(read("dbs:\n  - path: /a.db\n    replicas:\n      - path: /r\n")).toEqual({
      folder: "/work",
      databases: [
        {
          path: "/a.db",
          metaPath: undefined,
          verifyPath: undefined,
          maxWalBytes: undefined,
          sealed: true,
          replicas: [
            {
              name: "file",
              type: "file",
              url: undefined,
              settings: { path: "/r" },
              places: { path: "litewake.yml:4:9" },
              age: undefined,
              syncIntervalMs: 1000,
              snapshotIntervalMs: 0,
              retentionMs: 86_400_000,
              retentionCheckIntervalMs: 3_600_000,
              leaseMs: 0,
              verifyIntervalMs: 0,
            },
          ],
        },
      ],
      exec: undefined,
      fleet: undefined,
      disabled: false,
      logging: { level: "info", type: undefined, stderr: false },
      watch: { addr: undefined, staleMs: 300_000, heartbeat: undefined },
      backends: {},
      warnings: [],
    });
  });

  it("may have every key that Litestream 0.3.13 knows", () => {
    const config = read(`
addr: ":9090"
exec: "app -c app.yaml"
access-key-id: ID
secret-access-key: SECRET
logging:
  level: DEBUG
  type: json
  stderr: true
dbs:
  - path: /a.db
    meta-path: /meta
    monitor-interval: 1s
    checkpoint-interval: 1m
    min-checkpoint-page-count: 1000
    max-checkpoint-page-count: 10000
    replicas:
      - type: s3
        name: one
        path: p
        bucket: b
        region: eu-west-1
        endpoint: http://localhost:9000
        force-path-style: true
        skip-verify: false
        retention: 72h
        retention-check-interval: 30m
        sync-interval: 10s
        snapshot-interval: 6h
        validation-interval: 12h
      - { type: abs, account-name: n, account-key: k, bucket: c, endpoint: e, path: p }
      - { type: sftp, host: "h:22", user: u, password: w, key-path: /k, path: p }
      - { type: gcs, bucket: g, path: p }
      - { type: file, path: /backups }
`);
    const database = only(config.databases);
    expect(config).toMatchObject({ exec: "app -c app.yaml", logging: { level: "debug", type: "json", stderr: true } });
    expect(database.metaPath).toBe("/meta");
    expect(database.replicas.map(({ name, type }) => [name, type])).toEqual([
      ["one", "s3"],
      ["abs", "abs"],
      ["sftp", "sftp"],
      ["gcs", "gcs"],
      ["file", "file"],
    ]);
    expect(database.replicas[0]).toMatchObject({
      settings: {
        "force-path-style": true,
        "skip-verify": false,
        endpoint: "http://localhost:9000",
        "access-key-id": "ID",
        "secret-access-key": "SECRET",
      },
      retentionMs: 72 * 3_600_000,
      retentionCheckIntervalMs: 1_800_000,
      syncIntervalMs: 10_000,
      snapshotIntervalMs: 6 * 3_600_000,
      // Litestream's name for it.
      verifyIntervalMs: 12 * 3_600_000,
    });
    expect(config.warnings).toEqual([]);
  });

  it("that is empty, or has comments only, names no database", () => {
    expect(read("").databases).toEqual([]);
    expect(read("# later\n").databases).toEqual([]);
    expect(read("dbs:\n").databases).toEqual([]);
  });
});

describe("Litewake's own keys", () => {
  it("are max-wal, barrier and backends", () => {
    expect(databaseOf(withDatabase("max-wal: 256MiB", "barrier: none"))).toMatchObject({
      maxWalBytes: 2 ** 28,
      sealed: false,
    });
    expect(databaseOf(withDatabase("barrier: sealed")).sealed).toBe(true);
    expect(read("backends:\n  ipfs: litewake-ipfs\n").backends).toEqual({ ipfs: "litewake-ipfs" });
  });

  it("of a third party's backend are its own affair, with their places", () => {
    const text = `backends:\n  ipfs: ./ipfs.js\n${withReplica("type: ipfs", "gateway: https://x", "pins: 3")}`;
    expect(only(only(read(text).databases).replicas)).toMatchObject({
      type: "ipfs",
      settings: { gateway: "https://x", pins: 3 },
      places: { gateway: "litewake.yml:7:9", pins: "litewake.yml:8:9" },
    });
  });
});

describe("replica", () => {
  it("stands for a list of one", () => {
    const database = databaseOf("dbs:\n  - path: /a.db\n    replica:\n      url: file:///r\n");
    expect(only(database.replicas)).toMatchObject({ name: "file", url: "file:///r" });
  });

  it("beside replicas is refused", () => {
    const text = "dbs:\n  - path: /a.db\n    replicas:\n      - url: file:///r\n    replica:\n      url: file:///q\n";
    expect(failure(text)).toBe("litewake.yml:5:5: replica and replicas cannot stand together: keep one of them");
  });
});

describe("the type of a replica", () => {
  it.each([
    ["url: s3://b/p", "s3"],
    ["url: gs://b/p", "gcs"],
    ["url: gcs://b/p", "gcs"],
    ["url: abs://a@c/p", "abs"],
    ["url: sftp://u@h/p", "sftp"],
    ["url: FILE:///p", "file"],
    ["path: /p", "file"],
  ])("of `%s` is %s", (line, type) => {
    expect(replicaOf(line).type).toBe(type);
  });
});

describe("a path", () => {
  it.each([
    ["/abs.db", "/abs.db"],
    ["rel.db", "/work/rel.db"],
    ["./a/../rel.db", "/work/rel.db"],
    ["~/a.db", "/home/me/a.db"],
    ["~other.db", "/work/~other.db"],
  ])("%s is %s", (given, path) => {
    expect(databaseOf(`dbs:\n  - path: ${given}\n    replicas:\n      - url: file:///r\n`).path).toBe(path);
  });
});

describe("the keys at the top", () => {
  const keys = "access-key-id: ID\nsecret-access-key: SECRET\n";

  it("go to S3 replicas that lack them", () => {
    const own = replicaSettings(
      `${keys}${withReplica("type: s3", "bucket: b", "access-key-id: MINE", "secret-access-key: OWN")}`,
    );
    expect(own).toMatchObject({ "access-key-id": "MINE", "secret-access-key": "OWN" });
    expect(replicaSettings(`${keys}${withReplica("url: s3://b/p")}`)).toEqual({
      "access-key-id": "ID",
      "secret-access-key": "SECRET",
    });
  });

  it("go to nobody else", () => {
    expect(replicaSettings(`${keys}${withReplica("url: gcs://b/p")}`)).toEqual({});
  });

  function replicaSettings(text: string): object {
    return only(databaseOf(text).replicas).settings;
  }
});

describe("variables", () => {
  const text = withReplica("url: file://$ROOT/${NAME}");
  const env = { ROOT: "/backups", NAME: "a" };
  const url = (options: Partial<ReadOptions>) => only(only(read(text, options).databases).replicas).url;

  it("are expanded in the whole text", () => {
    expect(url({ env })).toBe("file:///backups/a");
  });

  it("stay with -no-expand-env", () => {
    expect(url({ env, expandEnv: false })).toBe("file://$ROOT/${NAME}");
  });

  it("that are not set leave an empty value, which is named", () => {
    expect(failure(withReplica("type: s3", "bucket: $NOBODY"))).toMatch(
      /^litewake\.yml:5:9: bucket is empty: .*variable/,
    );
    expect(failure("dbs:\n  - path: $NOBODY\n    replicas:\n      - url: file:///r\n")).toMatch(
      /^litewake\.yml:2:5: a database needs a path/,
    );
    expect(failure(withReplica("url: $NOBODY"))).toMatch(/^litewake\.yml:4:9: url is empty/);
  });
});

describe("aliases and merges of YAML", () => {
  it("are followed", () => {
    const config = read(`
dbs:
  - path: /a.db
    replicas:
      - &base
        type: s3
        bucket: b
        path: a
        sync-interval: 5s
  - path: /c.db
    replicas:
      - <<: *base
        path: c
`);
    expect(only(config.databases[1]?.replicas ?? [])).toMatchObject({
      settings: { bucket: "b", path: "c" },
      syncIntervalMs: 5000,
    });
  });
});

describe("a mistake", () => {
  it.each([
    ["a key at the top", "dsb: []\n", 'litewake.yml:1:1: unknown key "dsb" at the top level: did you mean "dbs"?'],
    [
      "a key of a database",
      withDatabase("pth: x"),
      'litewake.yml:3:5: unknown key "pth" of a database: did you mean "path"?',
    ],
    [
      "a key of a replica",
      withReplica("path: /r", "retension: 1h"),
      'litewake.yml:5:9: unknown key "retension" of a replica of type file: did you mean "retention"?',
    ],
    [
      "a key of logging",
      "logging:\n  levle: info\n",
      'litewake.yml:2:3: unknown key "levle" in logging: did you mean "level"?',
    ],
    [
      "a level",
      "logging:\n  level: loud\n",
      'litewake.yml:2:3: level: "loud" is no level: one of debug, info, warn, error',
    ],
    ["a form of log", "logging:\n  type: xml\n", 'litewake.yml:2:3: type: "xml" is no form of log: text or json'],
    [
      "a duration without a unit",
      withReplica("path: /r", "sync-interval: 10"),
      'litewake.yml:5:9: sync-interval: "10" is not a duration: write the unit: "10s" or "10ms"',
    ],
    [
      "a duration",
      withReplica("path: /r", "retention: 3 days"),
      'litewake.yml:5:9: retention: "3 days" is not a duration: write it as "1s", "500ms" or "1h30m"',
    ],
    [
      "drills more often than once a second",
      withReplica("path: /r", "verify-interval: 500ms"),
      "litewake.yml:5:9: verify-interval: 500ms is too short: write at least 1000ms",
    ],
    [
      "two names for one interval",
      withReplica("path: /r", "verify-interval: 1h\n        validation-interval: 1h"),
      "litewake.yml:6:9: verify-interval and validation-interval cannot stand together: they mean the same; keep one of them",
    ],
    [
      "a negative duration",
      withReplica("path: /r", "retention: -1h"),
      "litewake.yml:5:9: retention: -1h is too short: it cannot be negative",
    ],
    [
      "no sync-interval at all",
      withReplica("path: /r", "sync-interval: 0s"),
      "litewake.yml:5:9: sync-interval: 0s is too short: write at least 1ms",
    ],
    [
      "a size",
      withDatabase("max-wal: lots"),
      'litewake.yml:3:5: max-wal: "lots" is not a size: write it as "1GiB" or "500MB"',
    ],
    [
      "no size at all",
      withDatabase("max-wal: 0"),
      'litewake.yml:3:5: max-wal: "0" is not a size: write it as "1GiB" or "500MB"',
    ],
    [
      "a size that names a property",
      withDatabase("max-wal: 1constructor"),
      'litewake.yml:3:5: max-wal: "1constructor" is not a size: write it as "1GiB" or "500MB"',
    ],
    ["a barrier", withDatabase("barrier: maybe"), 'litewake.yml:3:5: barrier: "maybe" is not known: sealed or none'],
    [
      "a number",
      withDatabase("min-checkpoint-page-count: 0"),
      'litewake.yml:3:5: min-checkpoint-page-count: "0" is no whole number from 1 on',
    ],
    [
      "a boolean",
      withReplica("type: s3", "bucket: b", "skip-verify: maybe"),
      'litewake.yml:6:9: skip-verify: "maybe" is neither true nor false',
    ],
    [
      "url and path",
      withReplica("url: file:///r", "path: /r"),
      "litewake.yml:5:9: url and path cannot stand together: put it into the URL, or leave the URL out",
    ],
    [
      "url and bucket",
      withReplica("url: s3://b/p", "bucket: b"),
      "litewake.yml:5:9: url and bucket cannot stand together: put it into the URL, or leave the URL out",
    ],
    [
      "url and host",
      withReplica("url: sftp://h/p", "host: h"),
      "litewake.yml:5:9: url and host cannot stand together: put it into the URL, or leave the URL out",
    ],
    ["a URL as path", withReplica("path: s3://b/p"), "litewake.yml:4:9: path: this is a URL: use `url:` for it"],
    [
      "a URL without scheme",
      withReplica("url: /backups"),
      "litewake.yml:4:9: url: there is no scheme in it: write it as file:///path, s3://bucket/path, …",
    ],
    [
      "a database that is a URL",
      "dbs:\n  - path: file:///a.db\n",
      "litewake.yml:2:5: path: this is a URL: name the database file; the URL belongs to a replica",
    ],
    [
      "no path",
      "dbs:\n  - replicas:\n      - url: file:///r\n",
      "litewake.yml:2:5: a database needs a path: add `path:`; a variable in it may not be set",
    ],
    [
      "no replica",
      "dbs:\n  - path: /a.db\n",
      "litewake.yml:2:5: /a.db has no replica: add `replicas:` with at least one entry",
    ],
    [
      "an empty list",
      "dbs:\n  - path: /a.db\n    replicas: []\n",
      "litewake.yml:2:5: /a.db has no replica: add `replicas:` with at least one entry",
    ],
    [
      "no place",
      withReplica("sync-interval: 1s"),
      "litewake.yml:4:9: the replica does not say where it lies: add `url:`, for instance file:///backups/app",
    ],
    [
      "encryption",
      withReplica("path: /r", "age:", "  identities: []"),
      "litewake.yml:6:11: identities is empty: a variable in it may not be set; or leave the key out",
    ],
    [
      "a list that is none",
      "dbs:\n  path: /a.db\n",
      "litewake.yml:1:1: dbs must be a list: begin each entry with `- `",
    ],
    ["an entry that is none", "dbs:\n  - /a.db\n", "litewake.yml:2:5: each entry of dbs must be a mapping of keys"],
    ["a mapping that is none", "logging: debug\n", "litewake.yml:1:1: logging must be a mapping of keys"],
    ["a value that is none", "exec: [a, b]\n", "litewake.yml:1:1: exec must be a single value"],
    [
      "a file that is a list",
      "- path: /a.db\n",
      "litewake.yml:1:1: the file must be a mapping of keys: begin with `dbs:`",
    ],
    [
      "a key that is there twice",
      "exec: a\nexec: b\n",
      "litewake.yml:2:1: not YAML: the key is there twice: check the indentation and the quotes there",
    ],
  ])("%s is one line with its place and the next step", (_, text, line) => {
    expect(failure(text)).toBe(line);
  });

  it.each(["dbs:\n\t- path: /a.db\n", 'exec: "open\n', "dbs: [\n", "a: b: c\n", "dbs:\n  - path: /a\n replicas: x\n"])(
    "that is no YAML, as in %j, is one line with its place",
    (text) => {
      expect(failure(text)).toMatch(/^litewake\.yml:\d+:\d+: not YAML: [^\n]+$/);
    },
  );

  it("says the names of two replicas that are equal", () => {
    const text = withReplica("path: /r").concat("      - path: /q\n");
    expect(failure(text)).toContain('two replicas of one database are named "file": give each its own `name:`');
  });

  it("says which database is there twice, also by another spelling", () => {
    const entry = (path: string, place: string) => `  - path: ${path}\n    replicas:\n      - url: file:///${place}\n`;
    expect(failure(`dbs:\n${entry("/work/a.db", "r")}${entry("./a.db", "q")}`)).toBe(
      "litewake.yml:5:5: /work/a.db is there twice: name each database once, with several replicas",
    );
  });

  it("says which two databases have replicas at one place, also by another spelling", () => {
    const entry = (path: string, where: string) => `  - path: ${path}\n    replicas:\n      - ${where}\n`;
    expect(failure(`dbs:\n${entry("/a.db", "url: file:///r/x")}${entry("/b.db", "path: /r/./x/")}`)).toBe(
      "litewake.yml:5:5: /b.db and /a.db have replicas at the same place: give each replica a place of its own",
    );
  });
});
