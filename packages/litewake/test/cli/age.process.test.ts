// Encryption from the command line: keys by file, flag, environment and configuration; what is wrong with them in one line; and no
// secret in anything that is printed or left behind.
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import * as age from "age-encryption";
import { type RunResult, runLitewake, spawnLitewake, type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase } from "./database.ts";

const NONE = {
  LITEWAKE_CONFIG: undefined,
  LITESTREAM_CONFIG: undefined,
  LITEWAKE_AGE_IDENTITY: undefined,
  LITEWAKE_AGE_IDENTITY_FILE: undefined,
  LITEWAKE_AGE_RECIPIENTS: undefined,
};
const identity = await age.generateX25519Identity();
const recipient = await age.identityToRecipient(identity);
const otherIdentity = await age.generateX25519Identity();
const otherRecipient = await age.identityToRecipient(otherIdentity);

let folder: TempDir;
let url: string;
/** Everything that any run has printed. */
let printed = "";

async function litewake(args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> {
  const result = await runLitewake(args, { cwd: folder.path, env: { ...NONE, ...env } });
  printed += result.stdout + result.stderr;
  return result;
}

function lineOf({ code, stdout, stderr }: RunResult): { code: number | null; line: string } {
  expect(stdout).toBe("");
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  return { code, line: stderr.trimEnd() };
}

let restores = 0;
const restoreArgs = (...flags: string[]): string[] => ["restore", ...flags, "-o", `out-${++restores}.db`, url];

function write(name: string, text: string): string {
  fs.writeFileSync(folder.join(name), text);
  return name;
}

function replicaFile(name: string, ...lines: string[]): string {
  const replica = [`url: ${url}`, ...lines].join("\n        ");
  return write(name, `dbs:\n  - path: shop.db\n    replicas:\n      - ${replica}\n`);
}

beforeAll(async () => {
  folder = tempDir("age-cli");
  url = `file://${folder.join("replica")}`;
  const db = openDatabase(folder.join("shop.db"));
  write("key.txt", `# created: 2026-11-25T20:00:00Z\n# public key: ${recipient}\n${identity}\n`);
  write("other.txt", `${otherIdentity}\n`);
  const shipped = await litewake(["replicate", "-once", "-age-identity", "key.txt", "shop.db", url]);
  expect(shipped).toMatchObject({ code: 0, stderr: "" });
  expect(fs.readdirSync(folder.join("replica"))).toEqual(["generations"]);
  db.close();
});

afterAll(() => {
  folder.remove();
});

describe("a replica of a URL", () => {
  it.each([
    ["the flag", ["-age-identity", "key.txt"], {}],
    ["the environment", [], { LITEWAKE_AGE_IDENTITY: identity }],
    ["a file of the environment", [], { LITEWAKE_AGE_IDENTITY_FILE: "key.txt" }],
    ["the flag before the environment", ["-age-identity", "key.txt"], { LITEWAKE_AGE_IDENTITY: otherIdentity }],
  ])("is restored with the identity by %s", async (_how, flags, env) => {
    const args = restoreArgs(...flags);
    expect(await litewake(args, env as Record<string, string>)).toMatchObject({ code: 0 });
    using db = new DatabaseSync(folder.join(`out-${restores}.db`), { readOnly: true });
    expect(db.prepare("select count(*) as n from sqlite_schema").get()).toMatchObject({ n: expect.any(Number) });
  });

  it("without an identity is refused, and nothing is left behind", async () => {
    const before = fs.readdirSync(folder.path).length;
    const { code, line } = lineOf(await litewake(restoreArgs()));
    expect(code).toBe(2);
    expect(line).toMatch(
      /replica\/generations\/\w+\/snapshots\/00000000\.snapshot\.lz4 is encrypted with age, and no age keys/,
    );
    expect(line).toMatch(/-age-identity FILE or in LITEWAKE_AGE_IDENTITY$/);
    expect(fs.readdirSync(folder.path)).toHaveLength(before);
  });

  it("with another identity is refused", async () => {
    const { code, line } = lineOf(await litewake(restoreArgs("-age-identity", "other.txt")));
    expect(code).toBe(2);
    expect(line).toMatch(/for other keys: none of the identities given opens it: add the identity that was in use/);
  });

  it("is no damage: -best-effort refuses it as well", async () => {
    for (const flags of [[], ["-age-identity", "other.txt"]])
      expect(lineOf(await litewake(restoreArgs("-best-effort", ...flags))).code).toBe(2);
    expect(fs.existsSync(folder.join(`out-${restores}.db`))).toBe(false);
  });

  it("that is damaged is refused as damage, with its place", async () => {
    fs.cpSync(folder.join("replica"), folder.join("damaged"), { recursive: true });
    const names = fs.readdirSync(folder.join("damaged"), { recursive: true, encoding: "utf8" });
    const snapshot = folder.join("damaged", names.find((name) => name.endsWith(".snapshot.lz4")) ?? "");
    const bytes = fs.readFileSync(snapshot);
    bytes[bytes.byteLength - 20] = (bytes[bytes.byteLength - 20] ?? 0) ^ 1;
    fs.writeFileSync(snapshot, bytes);
    const args = ["restore", "-age-identity", "key.txt", "-o", "damaged.db", `file://${folder.join("damaged")}`];
    const { code, line } = lineOf(await litewake(args));
    expect(code).toBe(5);
    expect(line).toMatch(
      /the snapshot cannot be read, its age encryption is broken: chunk 0 was changed.*generation=\w{16} index=00000000/,
    );
    const verified = await litewake(["verify", "-age-identity", "key.txt", `file://${folder.join("damaged")}`]);
    expect(verified.code).toBe(5);
    expect(verified.stdout).toContain("its age encryption is broken");
  });

  it("is verified with the identity, and not without", async () => {
    expect(await litewake(["verify", "-age-identity", "key.txt", url])).toMatchObject({ code: 0 });
    expect(lineOf(await litewake(["verify", url])).code).toBe(2);
  });

  it("is listed without any key", async () => {
    for (const command of ["generations", "snapshots", "wal"])
      expect(await litewake([command, url])).toMatchObject({ code: 0, stderr: "" });
  });

  it("is not gone on with in clear", async () => {
    const { code, stdout, stderr } = await litewake(["replicate", "-once", "shop.db", url]);
    expect(code).toBe(7);
    expect(stdout + stderr).toMatch(/is encrypted with age, and no age keys are given.*-new-history/);
  });

  it("recipients alone are enough to ship, with a warning", async () => {
    const env = { LITEWAKE_AGE_RECIPIENTS: recipient };
    const fresh = `file://${folder.join("recipients")}`;
    const { code, stdout } = await litewake(["replicate", "-once", "shop.db", fresh], env);
    expect(code).toBe(0);
    expect(stdout).toContain("restored only with a secret key that is kept elsewhere");
    const restored = await litewake(["restore", "-age-identity", "key.txt", "-o", "from-recipients.db", fresh]);
    expect(restored.code).toBe(0);
  });
});

describe("an identity file that is none", () => {
  it.each([
    [
      "missing",
      "missing.txt",
      /-age-identity: the file with the age identity, .*missing\.txt, does not exist: name a file/,
    ],
    ["a folder", "replica", /is a folder/],
    ["empty", () => write("empty.txt", "# nothing\n\n"), /empty\.txt holds no age identity/],
    ["a database", "shop.db", /an age identity is no AGE-SECRET-KEY-1… key/],
    ["a recipient's", () => write("pub.txt", `${recipient}\n`), /is a recipient, a public key/],
    ["an SSH key", () => write("ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"), /is an SSH key/],
    [
      "encrypted itself",
      () => write("sealed", "-----BEGIN AGE ENCRYPTED FILE-----\n"),
      /itself encrypted: decrypt it first/,
    ],
    ["a plugin's", () => write("plugin", "AGE-PLUGIN-YUBIKEY-1QGWQ5YPQYQSZQGPQYQSZQGP\n"), /of a plugin/],
  ])("%s", async (_what, file, expected) => {
    const name = typeof file === "string" ? file : file();
    const { code, line } = lineOf(await litewake(restoreArgs("-age-identity", name)));
    expect(code).toBe(2);
    expect(line).toMatch(expected);
  });
});

describe("a configuration", () => {
  it("with Litestream's keys ships and restores; a secret that is not set is no encryption turned off", async () => {
    replicaFile("age.yml", "age:", "  identities: [$SECRET]", `  recipients: [${recipient}]`);
    const env = { SECRET: identity };
    expect(await litewake(["replicate", "-once", "-config", "age.yml"], env)).toMatchObject({ code: 0 });
    expect(await litewake(["restore", "-config", "age.yml", "-o", "by-config.db", "shop.db"], env)).toMatchObject({
      code: 0,
    });
    const { code, line } = lineOf(await litewake(["restore", "-config", "age.yml", "-o", "no.db", "shop.db"]));
    expect(code).toBe(2);
    expect(line).toMatch(/age\.yml:6:11: identities is empty: a variable in it may not be set/);
  });

  it("names the place of a key that is none, and not the key", async () => {
    replicaFile("typo.yml", "age:", `  identities: [${identity.slice(0, -2)}]`);
    const { code, line } = lineOf(await litewake(["restore", "-config", "typo.yml", "-o", "no.db", "shop.db"]));
    expect(code).toBe(2);
    expect(line).toBe(
      `litewake: ${folder.join("typo.yml")}:5:9: an age identity is no AGE-SECRET-KEY-1… key: copy it whole, as age-keygen prints it`,
    );
  });

  it("of a fleet encrypts every database and nothing beside", async () => {
    const block = [
      "enabled: true",
      `replica_url: file://${folder.join("fleet")}`,
      "shard_count: 2",
      "age:",
      "  identity_file: key.txt",
    ];
    write("fleet.yml", `replication:\n  ${block.join("\n  ")}\n`);
    fs.mkdirSync(folder.join("data"), { recursive: true });
    const open = ["shard_0", "shard_1", "dlq"].map((name) => openDatabase(folder.join("data", `${name}.db`)));
    expect(await litewake(["replicate", "-once", "-config", "fleet.yml"])).toMatchObject({ code: 0 });
    for (const db of open) db.close();
    const objects = fs.readdirSync(folder.join("fleet"), { recursive: true, encoding: "utf8" });
    const files = objects.filter((name) => fs.statSync(folder.join("fleet", name)).isFile());
    expect(files.filter((name) => name.endsWith(".lz4")).length).toBeGreaterThanOrEqual(3);
    for (const name of files) {
      const head = fs.readFileSync(folder.join("fleet", name)).subarray(0, 3).toString();
      expect(head, name).toBe(name.endsWith(".lz4") ? "age" : '{"v');
    }
    fs.rmSync(folder.join("data"), { recursive: true });
    expect(await litewake(["restore", "-config", "fleet.yml"])).toMatchObject({ code: 0 });
    expect(fs.readdirSync(folder.join("data")).filter((name) => name.endsWith(".db"))).toHaveLength(3);
  });
});

describe("litewake doctor", () => {
  it("says that the keys fit what is there", async () => {
    const { code, stdout } = await litewake(["doctor", "-age-identity", "key.txt", url]);
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/ok {4}age keys +the identity opens what is encrypted here \(recipients: 1\)/);
    expect(stdout).toMatch(/0 failures, 0 warnings/);
  });

  it.each([
    [
      "an identity that does not open what its recipients get",
      { LITEWAKE_AGE_IDENTITY: identity, LITEWAKE_AGE_RECIPIENTS: otherRecipient },
      /warn {2}age keys +none of the identities opens/,
    ],
    ["no identity", { LITEWAKE_AGE_RECIPIENTS: recipient }, /warn {2}age keys +there are recipients and no identity/],
    [
      "a backup for other keys",
      { LITEWAKE_AGE_IDENTITY: otherIdentity },
      /warn {2}backup .*none of the identities given opens it/,
    ],
    [
      "a backup that is encrypted, and no keys",
      {},
      /warn {2}backup .*is encrypted with age, and no age keys are given/,
    ],
  ])("warns of %s", async (_what, env, expected) => {
    const { stdout } = await litewake(["doctor", url], env);
    expect(stdout).toMatch(expected);
    expect(stdout).toMatch(/[1-9] warnings/);
  });
});

it("no secret key is printed, told by status or metrics, or written beside the database", async () => {
  replicaFile("told.yml", "age:", `  identities: [${identity}, ${otherIdentity}]`, `  recipients: [${recipient}]`);
  fs.appendFileSync(folder.join("told.yml"), "addr: 127.0.0.1:0\nlogging:\n  level: debug\n");
  const running = spawnLitewake(["replicate", "-config", "told.yml"], { cwd: folder.path, env: NONE });
  try {
    const served = await running.waitFor(/metrics are served.*port=\d+/);
    const [, port = ""] = /port=(\d+)/.exec(served) ?? [];
    for (const path of ["/status", "/metrics", "/healthz"])
      printed += await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    printed += (await litewake(["status", "-config", "told.yml", "-json"])).stdout;
    printed += (await litewake(["databases", "-config", "told.yml"])).stdout;
  } finally {
    await running.stop();
  }
  printed += running.output();
  expect(printed.length).toBeGreaterThan(3000);
  const left = fs.readdirSync(folder.path, { recursive: true, withFileTypes: true });
  for (const entry of left) {
    if (!entry.isFile() || /\.(?:yml|txt)$/.test(entry.name)) continue;
    printed += fs.readFileSync(`${entry.parentPath}/${entry.name}`, "latin1");
  }
  for (const secret of [identity, otherIdentity]) {
    expect(printed).not.toContain(secret);
    expect(printed).not.toContain(secret.slice(15, 40));
  }
});
