// A configuration with secrets in it, and a mistake somewhere: the line that says what is wrong does not say them.
import fc from "fast-check";
import { expect, it } from "vitest";
import { readConfig } from "../../src/config/read-config.ts";
import { shellWords } from "../../src/cli/shell-words.ts";
import { canary, leaksIn, told } from "./canaries.ts";

const secrets = ["access", "secret", "session", "customer", "account", "sas", "connection", "password", "phrase"].map(
  canary,
);
const [access, secret, session, customer, account, sas, connection, password, phrase] = secrets.map(
  ({ value }) => value,
);
const heartbeat = canary("heartbeat");
const all = [...secrets, heartbeat];

const DATABASES = `
addr: ":9090"
access-key-id: "${access}"
secret-access-key: "${secret}"
heartbeat-url: "https://hc.example/${heartbeat.value}"
dbs:
  - path: /data/a.db
    replicas:
      - type: s3
        bucket: b
        session-token: "${session}"
        sse-customer-key: "${customer}"
        retention: 24h
      - type: abs
        name: azure
        bucket: bbb
        account-name: acc
        account-key: "${account}"
        sas-token: "${sas}"
        connection-string: "${connection}"
      - url: sftp://u@h/p
        password: "${password}"
        key-passphrase: "${phrase}"
        skip-verify: true
`;
const FLEET = `
shard_count: 2
replication:
  enabled: true
  replica_url: s3://b/p
  heartbeat_url: "https://hc.example/${heartbeat.value}"
  settings:
    access-key-id: "${access}"
    secret-access-key: "${secret}"
`;

function wrong(text: string, env: Record<string, string> = {}): string {
  const moreSettings = { s3: ["session-token", "sse-customer-key"], abs: ["sas-token", "connection-string"] };
  try {
    const read = readConfig({ file: "litewake.yml", text, env, expandEnv: true, cwd: "/", moreSettings });
    return read.warnings.join("\n");
  } catch (error) {
    return told(error);
  }
}

const CHARACTERS = [
  ..."\t : - * & ! | > ' \" { } [ ] # % @ ` , ? \\ \0".split(" "),
  " ",
  "\n",
  "<<: ",
  "---\n",
  "${",
  "...",
];

/** Mistakes of a person's hand: at one place of the text. */
const mistake = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom("cut", "insert", "swap", "unindent", "unquote", "nocolon", "noblank", "duplicate", "list"),
  character: fc.constantFrom(...CHARACTERS),
});

function mistaken(text: string, { at, kind, character }: { at: number; kind: string; character: string }): string {
  const lines = text.split("\n");
  const n = at % lines.length;
  const line = lines[n] ?? "";
  const edits: Readonly<Record<string, () => string>> = {
    cut: () => line.slice(0, at % (line.length + 1)),
    insert: () => line.slice(0, at % (line.length + 1)) + character + line.slice(at % (line.length + 1)),
    swap: () => line.replace(/([a-z])([a-z])/, "$2$1"),
    unindent: () => line.trim(),
    unquote: () => line.replaceAll('"', "").replace(": ", `: ${character}`),
    nocolon: () => line.replace(":", ""),
    noblank: () => line.replace(': "', ":").replace(/"$/, ""),
    duplicate: () => `${line}\n${line}`,
    list: () => line.replace(/^( *)/, "$1- "),
  };
  return lines.with(n, edits[kind]?.() ?? line).join("\n");
}

it.each([
  ["in quotes", FLEET],
  ["without quotes", FLEET.replaceAll('"', "")],
])("each character too much, at each place, in a configuration with secrets %s", (_, text) => {
  const leaks = Array.from(text, (_character, at) =>
    CHARACTERS.filter(
      (character) => leaksIn(wrong(text.slice(0, at) + character + text.slice(at)), all).length > 0,
    ).map((character) => `${character} at ${at}`),
  ).flat();
  expect(leaks).toEqual([]);
});

it("any one or two mistakes in a configuration with secrets", () => {
  fc.assert(
    fc.property(fc.constantFrom(DATABASES, FLEET), mistake, fc.option(mistake), (text, first, second) => {
      const once = mistaken(text, first);
      expect(leaksIn(wrong(second === null ? once : mistaken(once, second)), all)).toEqual([]);
    }),
    { numRuns: 4000 },
  );
});

it.each([
  "replica_url: AKID:SECRET@bucket/path",
  "replica_url: 's3:AKID:SECRET@bucket'",
  "replica_url: *SECRET",
  "settings: {secret-access-key:SECRET}",
  "settings: [secret-access-key, SECRET]",
  "secret-access-key: SECRET",
  "secret-access-keySECRET",
])("in the replication block: %s", (line) => {
  const name = secret ?? "";
  const text = `shard_count: 1\nreplication:\n  enabled: true\n  ${line.replace("SECRET", name.replaceAll(/[ &]/g, ""))}\n`;
  expect(leaksIn(wrong(text), [{ name: "secret", value: name.replaceAll(/[ &]/g, "") }])).toEqual([]);
});

it("a variable whose value breaks the YAML", () => {
  for (const [before, after] of [
    ["", ""],
    ["'", ""],
    ["*", ""],
    ["{", ""],
    ["", ": x"],
    ["- ", ""],
    ["", "\n  x: ["],
  ])
    expect(leaksIn(wrong(DATABASES.replace(`"${secret}"`, "$S"), { S: `${before}${secret}${after}` }), all)).toEqual(
      [],
    );
});

it("a command whose words cannot be told apart", () => {
  for (const line of [`app --token=${secret} 'x`, `app "${secret}`, `app ${secret}\\`])
    expect(() => shellWords(line)).toThrow(
      expect.toSatisfy((error: unknown) => leaksIn(told(error), all).length === 0),
    );
});
