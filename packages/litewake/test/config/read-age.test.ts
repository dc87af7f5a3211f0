// Where keys of age come from, and which of several places counts.
import { expect, it } from "vitest";
import type { AgeConfig } from "../../src/config/config.ts";
import { ageOfCommandLine } from "../../src/config/read-age.ts";
import { readConfig, type ReadOptions } from "../../src/config/read-config.ts";

const base = { cwd: "/work", env: { HOME: "/home/me" } };

function replica(lines: readonly string[], options: Partial<ReadOptions> = {}): AgeConfig | undefined {
  const text = `dbs:\n  - path: /a.db\n    replicas:\n      - ${["path: /r", ...lines].join("\n        ")}\n`;
  return readConfig({ ...base, file: "f.yml", text, expandEnv: true, ...options }).databases[0]?.replicas[0]?.age;
}

function fleet(lines: readonly string[], options: Partial<ReadOptions> = {}): AgeConfig | undefined {
  const text = `replication:\n  enabled: true\n  replica_url: file:///r\n  databases: "*.db"\n  ${lines.join("\n  ")}\n`;
  return readConfig({ ...base, file: "f.yml", text, expandEnv: true, ...options }).fleet?.root.age;
}

const env = { HOME: "/home/me", LITEWAKE_AGE_IDENTITY: "AGE-SECRET-KEY-1ENV" };

it("litestream.yml's own form is read, with variables and several keys in one text", () => {
  const lines = [
    "age:",
    "  identities: [$KEY]",
    "  recipients:",
    "    - age1one",
    "    - |",
    "      # two",
    "      age1two",
  ];
  expect(replica(lines, { env: { KEY: "AGE-SECRET-KEY-1A" } })).toEqual({
    place: "f.yml:5:9",
    identities: ["AGE-SECRET-KEY-1A"],
    identityFile: undefined,
    recipients: ["age1one", "# two\nage1two\n"],
  });
});

it("a fleet has it too, in the spelling there", () => {
  expect(fleet(["age:", "  identity_file: ~/key.txt", "  recipients: [age1one]"])).toEqual({
    place: "f.yml:5:3",
    identities: [],
    identityFile: "/home/me/key.txt",
    recipients: ["age1one"],
  });
});

it("no age: no keys, whatever the environment holds", () => {
  expect(replica([], { env })).toBeUndefined();
  expect(fleet([], { env })).toBeUndefined();
});

it("recipients alone take their identity from the environment, if it has one", () => {
  const lines = ["age: {recipients: [age1one]}"];
  expect(replica(lines)?.identities).toEqual([]);
  expect(replica(["age:", "  identities:", "    - $NONE"])?.identities).toEqual([""]);
  expect(replica(lines, { env })).toMatchObject({ identities: ["AGE-SECRET-KEY-1ENV"], recipients: ["age1one"] });
  const own = ["age: {identities: [AGE-SECRET-KEY-1OWN], recipients: [age1one]}"];
  expect(replica(own, { env })?.identities).toEqual(["AGE-SECRET-KEY-1OWN"]);
});

it("the flag goes before both, and is enough by itself", () => {
  const own = ["age: {identities: [AGE-SECRET-KEY-1OWN], recipients: [age1one]}"];
  expect(replica(own, { env, ageIdentity: "k.txt" })).toEqual({
    place: "-age-identity",
    identities: [],
    identityFile: "/work/k.txt",
    recipients: ["age1one"],
  });
  expect(replica([], { ageIdentity: "k.txt" })?.identityFile).toBe("/work/k.txt");
});

it("a URL on the command line has the flag and the environment", () => {
  expect(ageOfCommandLine(base)).toBeUndefined();
  expect(ageOfCommandLine({ ...base, env })).toMatchObject({
    place: "LITEWAKE_AGE_IDENTITY",
    identities: ["AGE-SECRET-KEY-1ENV"],
    recipients: [],
  });
  const both = { LITEWAKE_AGE_IDENTITY_FILE: "/k", LITEWAKE_AGE_RECIPIENTS: "age1one, age1two" };
  expect(ageOfCommandLine({ ...base, env: both })).toEqual({
    place: "LITEWAKE_AGE_IDENTITY_FILE",
    identities: [],
    identityFile: "/k",
    recipients: ["age1one", "age1two"],
  });
  expect(ageOfCommandLine({ ...base, env: both, ageIdentity: "/f" })).toMatchObject({
    place: "-age-identity",
    identityFile: "/f",
    recipients: ["age1one", "age1two"],
  });
});

it.each([
  ["nothing in it", ["age:"], "f.yml:5:9: age: there is no key: give identities or recipients, or remove age"],
  ["an empty list", ["age: {identities: [], recipients: [a]}"], "f.yml:5:15: identities is empty: a variable in it"],
  ["a variable that is not set", ["age: {recipients: [$NONE]}"], "f.yml:5:15: recipients is empty: a variable in it"],
  ["a text", ["age: age1one"], "f.yml:5:9: age must be a mapping of keys"],
  ["a text for a list", ["age: {recipients: age1one}"], "f.yml:5:15: recipients must be a list"],
  [
    "a typing error",
    ["age: {identites: [a]}"],
    'f.yml:5:15: unknown key "identites" in age: did you mean "identities"?',
  ],
  ["a passphrase", ["age: {passphrase: secret}"], 'f.yml:5:15: unknown key "passphrase" in age'],
])("age with %s is one line", (_what, lines, line) => {
  expect(() => replica(lines)).toThrow(line);
});
