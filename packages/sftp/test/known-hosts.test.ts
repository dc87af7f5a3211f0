// known_hosts as OpenSSH writes and reads it; its own ssh-keygen is asked where that can tell.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { fingerprint, keyType, knownKeys } from "../src/known-hosts.ts";

const KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIB2TCbFNAOUA4dZ3iJm4Yg0dYb3bQxS0yqJm9H1q1u1v";
const linesFor = (text: string, host: string, port = 22): number[] =>
  knownKeys(text, "file", host, port).map(({ line }) => line);

describe("a line of known_hosts", () => {
  it.each([
    ["host", "host", 22, true],
    ["host", "host", 2222, false],
    ["[host]:2222", "host", 2222, true],
    ["[host]:2222", "host", 22, false],
    ["a,host,b", "host", 22, true],
    ["*.example.com", "db.example.com", 22, true],
    ["*.example.com", "example.com", 22, false],
    ["*.example.com,!db.example.com", "db.example.com", 22, false],
    ["h?st", "host", 22, true],
    ["h.st", "host", 22, false],
    ["HOST", "host", 22, true],
  ])("for %s is about %s:%i: %s", (pattern, host, port, expected) => {
    expect(linesFor(`# comment\n\n${pattern} ssh-ed25519 ${KEY} a comment\n`, host, port)).toEqual(expected ? [3] : []);
  });

  it("may be revoked, and is no key if it names a certificate authority", () => {
    const text = `@revoked host ssh-ed25519 ${KEY}\n@cert-authority * ssh-ed25519 ${KEY}\n`;
    expect(knownKeys(text, "file", "host", 22)).toEqual([
      { file: "file", line: 1, type: "ssh-ed25519", key: KEY, revoked: true },
    ]);
  });

  it("that is cut short is no line", () => {
    expect(linesFor("host ssh-ed25519\nhost\n", "host")).toEqual([]);
  });
});

it("hashed names and fingerprints are those of ssh-keygen", () => {
  using folder = tempDir("known-hosts");
  const key = folder.join("key");
  execFileSync("ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-f", key]);
  const [type = "", base64 = ""] = fs.readFileSync(`${key}.pub`, "utf8").split(" ");
  const file = folder.join("known_hosts");
  fs.writeFileSync(file, `plain.example.com ${type} ${base64}\n[other]:2022 ${type} ${base64}\n`);
  execFileSync("ssh-keygen", ["-q", "-H", "-f", file], { stdio: "pipe" });
  const text = fs.readFileSync(file, "utf8");
  expect(text).toContain("|1|");
  expect(linesFor(text, "plain.example.com")).toEqual([1]);
  expect(linesFor(text, "other", 2022)).toEqual([2]);
  expect(linesFor(text, "other")).toEqual([]);
  const blob = Buffer.from(base64, "base64");
  expect(execFileSync("ssh-keygen", ["-lf", `${key}.pub`], { encoding: "utf8" })).toContain(fingerprint(blob));
  expect(keyType(blob)).toBe(type);
});
