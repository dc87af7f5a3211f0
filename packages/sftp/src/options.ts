// Where an SFTP replica lies and how to log in there, and what of that makes no sense.
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import {
  filled,
  invalidConfig,
  keepSecret,
  keepSecretsOf,
  readUrl,
  type ReplicaLocation,
  Settings,
  shownUrl,
} from "@litewake/core/backend";
import ssh2 from "ssh2";

/** How the server's key is checked: against known_hosts, against a pinned one, or not at all. */
export type HostKeyCheck =
  /** `acceptNew`: a host that is not known yet is added to the first file, as OpenSSH's StrictHostKeyChecking=accept-new. */
  | { readonly kind: "known-hosts"; readonly files: readonly string[]; readonly acceptNew: boolean }
  /** `SHA256:…`, as `ssh-keygen -lf` prints it, or the key itself in base64. */
  | { readonly kind: "pinned"; readonly key: string }
  | { readonly kind: "off" };

export interface SftpOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Absolute path of the replica's root on the server, without a slash at its end. */
  readonly root: string;
  readonly password: string | undefined;
  /** Text of a private key, with its passphrase if it has one. */
  readonly privateKey: { readonly text: Buffer; readonly passphrase: string | undefined } | undefined;
  /** Socket of an SSH agent. */
  readonly agent: string | undefined;
  readonly hostKey: HostKeyCheck;
}

const SECRETS = ["password", "key-passphrase"];
const PLACES = ["host", "user", "path"];
const HOW = ["key-path", "known-hosts", "host-key", "host-key-check"];
const RULES = { schemes: ["sftp"], places: PLACES, options: HOW, secrets: SECRETS };
const DEFAULT_KEYS = ["id_ed25519", "id_ecdsa", "id_rsa"];

/** Every key of a replica entry that this backend reads. */
export const sftpSettings: readonly string[] = [...PLACES, ...HOW, ...SECRETS];

/** Reads a location, and the private key that it names. */
export function sftpOptions(location: ReplicaLocation): SftpOptions {
  const { env } = location;
  keepSecretsOf(location, SECRETS, ["LITEWAKE_SFTP_PASSWORD", "LITEWAKE_SFTP_KEY_PASSPHRASE"]);
  const place = placeOf(location);
  keepSecret(place.password);
  const { settings } = place;
  const { host, port } = splitPort(place.host);
  const home = filled(env["HOME"]) ?? homedir();
  const password = place.password ?? settings.text("password") ?? filled(env["LITEWAKE_SFTP_PASSWORD"]);
  const agent = filled(env["SSH_AUTH_SOCK"]);
  const passphrase = settings.text("key-passphrase") ?? filled(env["LITEWAKE_SFTP_KEY_PASSPHRASE"]);
  const keyPath =
    settings.text("key-path") ?? (password === undefined && agent === undefined ? defaultKey(home) : undefined);
  return {
    host,
    port,
    user: provenUser(place.user ?? filled(env["USER"])),
    root: provenRoot(place.path),
    password,
    privateKey: keyPath === undefined ? undefined : readKey(expandHome(keyPath, home), passphrase),
    // A key that was named goes alone: a server counts each wrong key as a failed try.
    agent: settings.text("key-path") === undefined ? agent : undefined,
    hostKey: hostKeyOf(settings, home),
  };
}

interface Place {
  readonly host: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly path: string;
  readonly settings: Settings;
}

function placeOf({ url, settings: given }: ReplicaLocation): Place {
  if (url === undefined) {
    const settings = new Settings(given);
    const host = settings.text("host");
    if (host === undefined) throw invalidConfig("an sftp replica needs a host: or a url: sftp://user@host/path");
    return { host, user: settings.text("user"), password: undefined, path: settings.text("path") ?? "", settings };
  }
  const { user: login, host, path: root, settings } = readUrl(url, given, RULES);
  if (host === "") throw invalidConfig(`${shownUrl(url)} names no host: sftp://user@host/path`);
  const colon = login?.indexOf(":") ?? -1;
  const user = colon < 0 ? login : login?.slice(0, colon);
  const password = colon < 0 ? undefined : login?.slice(colon + 1);
  return { host, user: decoded(user), password: decoded(password), path: root, settings };
}

function decoded(part: string | undefined): string | undefined {
  if (part === undefined) return undefined;
  try {
    return filled(decodeURIComponent(part));
  } catch {
    throw invalidConfig(
      "a % in the user or password of the URL is not followed by two hexadecimal digits; write it as %25",
    );
  }
}

function splitPort(given: string): { host: string; port: number } {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::(\d+))?$/i.exec(given);
  const port = match?.[2] === undefined ? 22 : Number(match[2]);
  if (match?.[1] === undefined || port < 1 || port > 65_535)
    throw invalidConfig(`host: ${given} is no host or host:port`);
  return { host: match[1].replace(/^\[|\]$/g, ""), port };
}

function provenUser(user: string | undefined): string {
  if (user !== undefined) return user;
  throw invalidConfig("an sftp replica needs a user: sftp://user@host/path, or user:");
}

function provenRoot(given: string): string {
  const parts = given.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0) throw invalidConfig("an sftp replica needs a path below /: sftp://user@host/path");
  if (parts.includes("..") || given.includes("\0"))
    throw invalidConfig(`path: ${JSON.stringify(given)} holds a part ..`);
  // Relative to where a login lands, unless it begins with a slash, as with sftp's own command line.
  return `${given.startsWith("/") ? "/" : ""}${parts.join("/")}`;
}

function hostKeyOf(settings: Settings, home: string): HostKeyCheck {
  const pinned = settings.text("host-key");
  const check = settings.text("host-key-check") ?? "strict";
  if (!["strict", "accept-new", "off"].includes(check))
    throw invalidConfig(`host-key-check: ${check} is not known; it is strict, accept-new or off`);
  if (pinned !== undefined) {
    const key = /^SHA256:[A-Za-z0-9+/]{43}=?$/.test(pinned)
      ? pinned.replace(/=$/, "")
      : /(?:^|\s)(AAAA[A-Za-z0-9+/]+=*)(?:\s|$)/.exec(pinned)?.[1];
    if (key === undefined)
      throw invalidConfig(
        "host-key: is neither SHA256:… nor a public key; ssh-keyscan HOST | ssh-keygen -lf - prints the first",
      );
    return { kind: "pinned", key };
  }
  if (check === "off") return { kind: "off" };
  const own = settings.text("known-hosts");
  const files =
    own === undefined ? [path.join(home, ".ssh/known_hosts"), "/etc/ssh/ssh_known_hosts"] : [expandHome(own, home)];
  if (own !== undefined && check === "strict" && !existsSync(files[0] ?? ""))
    throw invalidConfig(`known-hosts: ${files[0]} is not there`);
  return { kind: "known-hosts", files, acceptNew: check === "accept-new" };
}

function defaultKey(home: string): string | undefined {
  return DEFAULT_KEYS.map((name) => path.join(home, ".ssh", name)).find((file) => existsSync(file));
}

function readKey(file: string, passphrase: string | undefined): NonNullable<SftpOptions["privateKey"]> {
  let text: Buffer;
  try {
    text = readFileSync(file);
  } catch (error) {
    throw invalidConfig(`key-path: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = ssh2.utils.parseKey(text, passphrase);
  if (parsed instanceof Error) throw unusableKey(file, passphrase, parsed);
  return { text, passphrase };
}

function unusableKey(file: string, passphrase: string | undefined, error: Error): Error {
  if (/no passphrase given/i.test(error.message)) {
    return invalidConfig(
      `key-path: ${file} has a passphrase; give it by key-passphrase: or LITEWAKE_SFTP_KEY_PASSPHRASE`,
    );
  }
  if (passphrase !== undefined && /bad passphrase|integrity|decrypt/i.test(error.message)) {
    return invalidConfig(`key-path: the passphrase does not open ${file}`);
  }
  return invalidConfig(`key-path: ${file} holds no private key that can be used (${error.message})`);
}

function expandHome(given: string, home: string): string {
  return given === "~" || given.startsWith("~/") ? path.join(home, given.slice(1)) : path.resolve(given);
}
