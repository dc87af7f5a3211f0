// OpenSSH's known_hosts: which keys a host is known by (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Pure.
import { createHash, createHmac } from "node:crypto";

/** One line that is about the host. */
export interface KnownKey {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** `ssh-ed25519` for instance. */
  readonly type: string;
  /** The key in base64. */
  readonly key: string;
  readonly revoked: boolean;
}

/** The keys of `host` in a file's text. Certificate authorities are left out: ssh2 knows no host certificates. */
export function knownKeys(text: string, file: string, host: string, port: number): readonly KnownKey[] {
  const names = port === 22 ? [host] : [`[${host}]:${port}`];
  return text.split("\n").flatMap((raw, n) => {
    const parts = raw.trim().split(/\s+/);
    if (parts[0] === "" || parts[0]?.startsWith("#") === true) return [];
    const marker = parts[0]?.startsWith("@") === true ? parts.shift() : undefined;
    const [hosts = "", type = "", key = ""] = parts;
    if (marker === "@cert-authority" || key === "" || !names.some((name) => matches(hosts, name.toLowerCase())))
      return [];
    return [{ file, line: n + 1, type, key, revoked: marker === "@revoked" }];
  });
}

function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith("|1|")) return isHashOf(hosts, name);
  let found = false;
  for (const pattern of hosts.toLowerCase().split(",")) {
    if (pattern.startsWith("!")) {
      if (isLike(pattern.slice(1), name)) return false;
    } else found ||= isLike(pattern, name);
  }
  return found;
}

function isHashOf(hashed: string, name: string): boolean {
  const [, , salt = "", hash = ""] = hashed.split("|");
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
}

function isLike(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`).test(name);
}

/** A key as `ssh-keygen -lf` shows it: `SHA256:…` without padding. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The name of a key's type, with which its wire form begins (RFC 4253 section 6.6). */
export function keyType(key: Buffer): string {
  return key.toString("latin1", 4, 4 + key.readUInt32BE(0));
}
