// known_hosts and fingerprints against OpenSSH's own ssh-keygen.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { openSsh } from "@litewake-tooling/emulators";
import { tempDir } from "@litewake-tooling/testkit";
import { expect, it } from "vitest";
import { fingerprint, keyType, knownKeys } from "../src/known-hosts.ts";

const linesFor = (text: string, host: string, port = 22): number[] =>
  knownKeys(text, "file", host, port).map(({ line }) => line);

it("hashed names and fingerprints are those of ssh-keygen", async () => {
  const { sshKeygen, env } = await openSsh();
  const run = (...args: string[]): string =>
    execFileSync(sshKeygen, args, { encoding: "utf8", stdio: "pipe", env: { ...process.env, ...env } });
  using folder = tempDir("known-hosts");
  const key = folder.join("key");
  run("-q", "-t", "ecdsa", "-N", "", "-f", key);
  const [type = "", base64 = ""] = fs.readFileSync(`${key}.pub`, "utf8").split(" ");
  const file = folder.join("known_hosts");
  fs.writeFileSync(file, `plain.example.com ${type} ${base64}\n[other]:2022 ${type} ${base64}\n`);
  run("-q", "-H", "-f", file);
  const text = fs.readFileSync(file, "utf8");
  expect(text).toContain("|1|");
  expect(linesFor(text, "plain.example.com")).toEqual([1]);
  expect(linesFor(text, "other", 2022)).toEqual([2]);
  expect(linesFor(text, "other")).toEqual([]);
  const blob = Buffer.from(base64, "base64");
  expect(run("-lf", `${key}.pub`)).toContain(fingerprint(blob));
  expect(keyType(blob)).toBe(type);
});
