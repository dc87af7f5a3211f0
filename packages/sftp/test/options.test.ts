// Where an SFTP replica lies and how to log in, as URLs, settings and the environment say it; and one line for each mistake.
import fs from "node:fs";
import { ReplicaError, type ReplicaLocation } from "@litewake/core/backend";
import { sftpOptions } from "@litewake/sftp";
import { type TempDir, tempDir } from "@litewake-tooling/testkit";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let home: TempDir;

beforeAll(() => {
  home = tempDir("sftp-home");
  fs.mkdirSync(home.join(".ssh"));
  const plain = ssh2.utils.generateKeyPairSync("ed25519");
  const locked = ssh2.utils.generateKeyPairSync("ed25519", {
    passphrase: "open sesame",
    cipher: "aes256-ctr",
    rounds: 4,
  });
  fs.writeFileSync(home.join(".ssh/plain"), plain.private);
  fs.writeFileSync(home.join(".ssh/locked"), locked.private);
});

afterAll(() => home.remove());

const options = (location: Partial<ReplicaLocation>) =>
  sftpOptions({ settings: {}, env: { HOME: home.path }, ...location });

function mistakeOf(location: Partial<ReplicaLocation>): string {
  try {
    options(location);
  } catch (error) {
    if (!ReplicaError.is(error, "InvalidConfig")) throw error;
    expect(error.message).not.toContain("\n");
    return error.message.replace(/^open: /, "").replaceAll(home.path, "HOME");
  }
  throw new Error("it was accepted");
}

describe("an sftp URL", () => {
  it.each([
    ["sftp://ada@host/srv/backup", { host: "host", port: 22, user: "ada", root: "/srv/backup", password: undefined }],
    ["sftp://ada@host:2222/srv//backup/", { host: "host", port: 2222, user: "ada", root: "/srv/backup" }],
    ["sftp://ada:p%40ss@host/x%20y", { user: "ada", password: "p@ss", root: "/x y" }],
    ["sftp://ada@[::1]:2022/x", { host: "::1", port: 2022 }],
  ])("%s says where", (url, expected) => {
    expect(options({ url })).toMatchObject(expected);
  });

  it("is strict about the server's key unless told otherwise", () => {
    expect(options({ url: "sftp://ada@host/x" }).hostKey).toEqual({
      kind: "known-hosts",
      files: [home.join(".ssh/known_hosts"), "/etc/ssh/ssh_known_hosts"],
      acceptNew: false,
    });
    expect(options({ url: "sftp://ada@host/x?host-key-check=accept-new" }).hostKey).toMatchObject({ acceptNew: true });
    expect(options({ url: "sftp://ada@host/x?host-key-check=off" }).hostKey).toEqual({ kind: "off" });
    const pin = `SHA256:${"a".repeat(43)}`;
    expect(options({ url: "sftp://ada@host/x", settings: { "host-key": pin } }).hostKey).toEqual({
      kind: "pinned",
      key: pin,
    });
    const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample host";
    expect(options({ url: "sftp://ada@host/x", settings: { "host-key": line } }).hostKey).toMatchObject({
      key: "AAAAC3NzaC1lZDI1NTE5AAAAIExample",
    });
  });

  it.each([
    ["sftp:///x", {}, "sftp:///x names no host: sftp://user@host/path"],
    ["sftp://host/x", {}, "an sftp replica needs a user: sftp://user@host/path, or user:"],
    ["sftp://ada@host", {}, "an sftp replica needs a path below /: sftp://user@host/path"],
    ["sftp://ada@host/a/../b", {}, 'path: "/a/../b" holds a part ..'],
    ["sftp://ada@host:99999/x", {}, "host: host:99999 is no host or host:port"],
    ["sftp://ada@host/x?password=hush", {}, "password does not belong in a URL, which is shown in logs"],
    [
      "sftp://ada@host/x?host-key-check=maybe",
      {},
      "host-key-check: maybe is not known; it is strict, accept-new or off",
    ],
    ["sftp://ada@host/x", { "host-key": "MD5:00:11" }, "host-key: is neither SHA256:… nor a public key"],
    ["sftp://ada@host/x?known-hosts=/no/such", {}, "known-hosts: /no/such is not there"],
    ["sftp://ada@host/x?key-path=/no/such", {}, "key-path: /no/such cannot be read"],
    [
      "sftp://ada@host/x?key-path=~/.ssh/locked",
      {},
      "key-path: HOME/.ssh/locked has a passphrase; give it by key-passphrase: or LITEWAKE_SFTP_KEY_PASSPHRASE",
    ],
    [
      "sftp://ada@host/x?key-path=~/.ssh/locked",
      { "key-passphrase": "wrong" },
      "key-path: the passphrase does not open HOME/.ssh/locked",
    ],
  ])("%s with %j is refused", (url, settings, line) => {
    const mistake = mistakeOf({ url, settings });
    expect(mistake).toContain(line);
    expect(mistake).not.toContain("hush");
  });
});

describe("a login", () => {
  const settings = { host: "host:2022", user: "ada", path: "/srv" };

  it("of litestream.yml needs no URL", () => {
    expect(options({ settings })).toMatchObject({ host: "host", port: 2022, user: "ada", root: "/srv" });
  });

  it("takes a named key, with its passphrase from the settings or the environment, and then no agent", () => {
    const env = { HOME: home.path, SSH_AUTH_SOCK: "/run/agent", LITEWAKE_SFTP_KEY_PASSPHRASE: "open sesame" };
    const found = options({ settings: { ...settings, "key-path": "~/.ssh/locked" }, env });
    expect(found).toMatchObject({ agent: undefined, privateKey: { passphrase: "open sesame" } });
    expect(options({ settings, env })).toMatchObject({ agent: "/run/agent", privateKey: undefined });
  });

  it("takes the user's default key where nothing else is given", () => {
    fs.copyFileSync(home.join(".ssh/plain"), home.join(".ssh/id_ed25519"));
    expect(options({ settings }).privateKey).toBeDefined();
    expect(options({ settings: { ...settings, password: "p" } }).privateKey).toBeUndefined();
    fs.rmSync(home.join(".ssh/id_ed25519"));
  });
});
