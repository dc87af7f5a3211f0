// Texts as a person, a URL or a listing has them: names, URLs, durations and the like, configurations.
import { absOptions } from "../../../../packages/abs/src/options.ts";
import { fileOptions } from "../../../../packages/file/src/options.ts";
import { gcsOptions } from "../../../../packages/gcs/src/options.ts";
import { keyProblem } from "../../../../packages/core/src/backend/key.ts";
import { shownUrl } from "../../../../packages/core/src/backend/location.ts";
import { isMemberName } from "../../../../packages/core/src/fleet/member-name.ts";
import { isLtxKey, parseKey, segmentKey, snapshotKey } from "../../../../packages/core/src/replica/layout.ts";
import { shellWords } from "../../../../packages/litewake/src/cli/shell-words.ts";
import { parseTimestamp } from "../../../../packages/litewake/src/cli/timestamp.ts";
import { parseDuration } from "../../../../packages/litewake/src/config/duration.ts";
import { expandEnv } from "../../../../packages/litewake/src/config/expand-env.ts";
import { readConfig } from "../../../../packages/litewake/src/config/read-config.ts";
import { parseSize } from "../../../../packages/litewake/src/config/size.ts";
import { parseAddress } from "../../../../packages/litewake/src/watching/server.ts";
import { s3Options } from "../../../../packages/s3/src/options.ts";
import { sftpOptions } from "../../../../packages/sftp/src/options.ts";
import path from "node:path";
import { Broken, type FuzzTarget, refusing } from "./target.ts";

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const bytesOf = (texts: readonly string[]): Uint8Array[] => texts.map((text) => Buffer.from(text));

/** Of a segment's key, all but the offset's digits. */
const SEGMENT_KEY_REST = "generations/fd6faaf1f3752b45/wal/00000001_.wal.lz4".length;

/** A name that is read is the one that would be written, but for longer offsets; a member's name stays below its folder. */
export const names: FuzzTarget = {
  name: "names",
  seeds: () =>
    bytesOf([
      "generations/fd6faaf1f3752b45/snapshots/00000001.snapshot.lz4",
      "generations/fd6faaf1f3752b45/wal/00000001_00001038.wal.lz4",
      "generations/fd6faaf1f3752b45/wal/00000001_0000000100001038.wal.lz4",
      "ltx/0/0000000000000001-0000000000000002.ltx",
      "tenants/a/b",
      "../../etc/passwd",
    ]),
  words: [
    "../",
    "/",
    "//",
    "./",
    "\0",
    "\\",
    "generations/",
    ".snapshot.lz4",
    ".wal.lz4",
    "litewake/",
    "ffffffff",
    "_",
    "\r\n",
  ],
  most: 1200,
  run(bytes) {
    const key = textOf(bytes);
    const name = parseKey(key);
    if (name !== undefined) {
      const again =
        name.kind === "snapshot"
          ? snapshotKey(name.generation, name.index)
          : segmentKey(name.generation, name.index, name.offset).replace(
              /_[0-9a-f]+/,
              (offset) => `_${offset.slice(1).padStart(key.length - SEGMENT_KEY_REST, "0")}`,
            );
      if (again !== key) throw new Broken(`${key} is read as ${again}`);
    }
    if ((name !== undefined || isLtxKey(key)) && keyProblem(key) !== undefined)
      throw new Broken("a name that is no key");
    if (!isMemberName(key)) return;
    const inside = path.relative("/data", path.join("/data", `${key}.db`));
    if (inside !== `${key}.db` || inside.startsWith("..") || path.isAbsolute(inside))
      throw new Broken(`${inside} leads out`);
  },
};

const PARTS = [
  "://",
  "@",
  ":",
  "?",
  "&",
  "%00",
  "%2e%2e",
  "%",
  "#",
  "/../",
  "[::1]",
  "endpoint=",
  "region=",
  "host-key-check=off",
  "\n",
];

/** Each backend either understands a location or refuses it in a line; what is shown of a URL holds no password. */
export const urls: FuzzTarget = {
  name: "urls",
  seeds: () =>
    bytesOf([
      "s3://bucket/path?region=eu-central-1&endpoint=https://h:9000",
      "s3://bucket.s3.eu.backblazeb2.com/x",
      "gcs://bucket/path?storage-class=nearline",
      "abs://account@container/path?access-tier=Cool",
      "sftp://user:password@host:22/path?host-key-check=off",
      "file:///var/backups/x",
      "gs://b-b/%zz",
    ]),
  words: PARTS,
  most: 400,
  run(bytes) {
    const url = textOf(bytes);
    for (const read of [s3Options, gcsOptions, absOptions, sftpOptions, fileOptions]) {
      const env = { AZURE_STORAGE_KEY: "a2V5a2V5", HOME: "/nonexistent", USER: "u" };
      const options = refusing(() => read({ url, settings: {}, env }));
      const root = options !== undefined && "prefix" in options ? options.prefix : "";
      if (root !== "" && root.split("/").some((part) => part === ".." || part === ""))
        throw new Broken(`the root is ${root}`);
    }
    const password = /^[a-z]+:\/\/[a-z]*:([a-z]{6,})@/.exec(url)?.[1];
    if (password !== undefined && shownUrl(url).includes(password) && !url.slice(url.indexOf("@")).includes(password))
      throw new Broken(`${shownUrl(url)} shows the password of ${url}`);
  },
};

/** Small things: each is a value of its kind or refused. */
export const scalars: FuzzTarget = {
  name: "scalars",
  seeds: () =>
    bytesOf([
      "1h30m",
      "500ms",
      "1.5GiB",
      "65536",
      "2026-11-24T03:04:05Z",
      ":9090",
      "[::1]:80",
      'a \'b c\' "d\\"" \\e',
      "${A}$B$$",
    ]),
  words: [
    "h",
    "ms",
    "µs",
    "GiB",
    "e9",
    "-",
    ".",
    "T00:00:00Z",
    "2026-02-30",
    "'",
    '"',
    "\\",
    "${",
    "}",
    "$",
    "9".repeat(400),
  ],
  most: 2000,
  run(bytes) {
    const text = textOf(bytes);
    const ms = parseDuration(text);
    if (ms !== undefined && Number.isNaN(ms)) throw new Broken("a duration is not a number");
    const size = parseSize(text);
    if (size !== undefined && (Number.isNaN(size) || size < 0)) throw new Broken(`a size is ${size}`);
    const date = refusing(() => parseTimestamp(text));
    if (date !== undefined && Number.isNaN(date.getTime())) throw new Broken("a moment is none");
    const address = parseAddress(text);
    if (address !== undefined && (address.host === "" || !(address.port >= 0 && address.port <= 65_535)))
      throw new Broken("an address is none");
    refusing(() => shellWords(text));
    if (!text.includes("$") && expandEnv(text, {}) !== text) throw new Broken("a text without variables changes");
  },
};

const YAML = `addr: ":9090"
logging: {level: info, type: json}
backends: {nats: ./x.js}
dbs:
  - &d
    path: /data/a.db
    max-wal: 1GiB
    replicas:
      - {type: s3, bucket: b, path: p, retention: 24h, skip-verify: no, age: {recipients: [age1x]}}
      - url: sftp://u@h/p
        name: n
  - <<: *d
    path: ~/b.db
`;
const FLEET = `shard_count: 3
replication:
  enabled: true
  replica_url: s3://b/p
  dlq: false
  settings: {region: eu}
  reshard: {keys: {a: b}, everywhere: [c]}
`;

export const configurations: FuzzTarget = {
  name: "yaml",
  seeds: () => bytesOf([YAML, FLEET, "", "a: &a [*a]", "? [x]\n: y", "%YAML 1.1\n---\n", "{}", "- a"]),
  words: [
    "&a ",
    "*a",
    "<<: ",
    "!!binary ",
    "? ",
    "- ",
    ": ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "#",
    "\t",
    "~",
    "null",
    "dbs:",
    "path:",
    "replicas:",
    "replication:",
    "databases: '**/*.db'",
  ],
  most: 1500,
  run(bytes) {
    const text = textOf(bytes);
    for (const expand of [true, false])
      refusing(() => readConfig({ file: "x.yml", text, env: { HOME: "/h" }, expandEnv: expand, cwd: "/w" }));
  },
};
