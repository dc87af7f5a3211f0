// known_hosts as OpenSSH writes and reads it.
import { describe, expect, it } from "vitest";
import { knownKeys } from "../src/known-hosts.ts";

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
