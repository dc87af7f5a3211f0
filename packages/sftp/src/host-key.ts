// Whether the server is the one that was meant, by its key.
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fingerprint, type KnownKey, knownKeys, keyType } from "./known-hosts.ts";
import type { SftpOptions } from "./options.ts";

/** Which kinds of key to ask the server for, by the type in known_hosts. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

export class HostKey {
  /** Why the key was refused, once it was. */
  refusal: string | undefined;
  readonly #options: SftpOptions;
  readonly #known: readonly KnownKey[];

  constructor(options: SftpOptions) {
    this.#options = options;
    const { hostKey, host, port } = options;
    this.#known =
      hostKey.kind === "known-hosts" ? hostKey.files.flatMap((file) => knownKeys(textOf(file), file, host, port)) : [];
  }

  /** The kinds of key under which the host is known: else it might show another of its keys, which is not known. */
  get algorithms(): readonly string[] | undefined {
    const wanted = this.#known.filter(({ revoked }) => !revoked).flatMap(({ type }) => ALGORITHMS[type] ?? []);
    return wanted.length === 0 ? undefined : [...new Set(wanted)];
  }

  /** Whether to go on. Adds an unknown host to the file where that was asked for. */
  accept(key: Buffer): boolean {
    const { hostKey } = this.#options;
    this.refusal =
      hostKey.kind === "off"
        ? undefined
        : hostKey.kind === "pinned"
          ? this.#againstPin(key, hostKey.key)
          : this.#againstFiles(key, hostKey);
    return this.refusal === undefined;
  }

  #againstPin(key: Buffer, pinned: string): string | undefined {
    const shown = fingerprint(key);
    if (pinned === shown || pinned === key.toString("base64")) return undefined;
    return `the server's key is ${shown}, not the one that host-key: names; somebody may be in between`;
  }

  #againstFiles(
    key: Buffer,
    { files, acceptNew }: { readonly files: readonly string[]; readonly acceptNew: boolean },
  ): string | undefined {
    const { host, port } = this.#options;
    const base64 = key.toString("base64");
    const shown = fingerprint(key);
    const same = this.#known.filter((known) => known.key === base64);
    const revoked = same.find((known) => known.revoked);
    if (revoked !== undefined) return `the server's key ${shown} is revoked by ${revoked.file}:${revoked.line}`;
    if (same.length > 0) return undefined;
    const other = this.#known.find((known) => !known.revoked);
    if (other !== undefined) {
      const expected = fingerprint(Buffer.from(other.key, "base64"));
      return `the server's key is ${shown}, but ${other.file}:${other.line} knows it by ${expected}; somebody may be in between, or the key was changed: then correct that line`;
    }
    const [file = ""] = files;
    if (!acceptNew) {
      const scan = `ssh-keyscan -p ${port} ${host} >> ${file}`;
      return `the server's key ${shown} is not known; after comparing it: ${scan}, or host-key: ${shown}`;
    }
    const name = port === 22 ? host : `[${host}]:${port}`;
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    appendFileSync(file, `${name} ${keyType(key)} ${base64}\n`, { mode: 0o600 });
    return undefined;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // A file that is not there knows nobody.
    return "";
  }
}
