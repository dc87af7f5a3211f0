// Reads a replica's URL and settings the same way for every backend: percent-encoding, options after ?, what clashes.
import { readFileSync } from "node:fs";
import type { ReplicaLocation, SettingValue } from "./client.ts";
import { keepSecret } from "../secrets.ts";
import { ReplicaError } from "./error.ts";

/** What a backend's URL may hold. */
export interface UrlRules {
  /** Schemes without `://`; the first one is shown in messages. */
  readonly schemes: readonly string[];
  /** Settings that say where the replica lies, and so cannot stand beside a URL. */
  readonly places: readonly string[];
  /** Settings that may also stand after `?`. */
  readonly options: readonly string[];
  /** Settings that must not stand in a URL, which is shown in logs. */
  readonly secrets?: readonly string[];
  /** Other names of options, as another tool's URLs have them. */
  readonly aliases?: Readonly<Record<string, string>>;
}

export interface UrlParts {
  /** The part before `@`, as it stands there; undefined if there is none. */
  readonly user: string | undefined;
  /** Host and port as they stand there; may be empty. */
  readonly host: string;
  /** Percent-decoded, as Go's URL parser and so Litestream takes it; with its leading slash. */
  readonly path: string;
  /** The settings, and the URL's options over them. */
  readonly settings: Settings;
}

/** Takes a URL apart. Throws `InvalidConfig` with one line for what is unknown, secret, clashing or no such URL. */
export function readUrl(url: string, given: ReplicaLocation["settings"], rules: UrlRules): UrlParts {
  const [scheme = ""] = rules.schemes;
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#]*)@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?$/is.exec(url);
  if (match === null || !rules.schemes.includes((match[1] ?? "").toLowerCase())) {
    throw invalidConfig(`${shownUrl(url)} is no ${scheme}:// URL`);
  }
  const [, , user, host = "", path = "", query = ""] = match;
  for (const key of rules.places) {
    if (given[key] !== undefined)
      throw invalidConfig(`${shownUrl(url)} and ${key}: both say where the replica lies; give one of them`);
  }
  return {
    user,
    host,
    path: decoded(path, url),
    settings: new Settings({ ...given, ...optionsOf(query, scheme, rules) }),
  };
}

function optionsOf(
  query: string,
  scheme: string,
  { options, secrets = [], aliases = {} }: UrlRules,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const key = (Object.hasOwn(aliases, name) ? aliases[name] : undefined) ?? name;
    if (secrets.includes(key)) {
      throw invalidConfig(
        `${name} does not belong in a URL, which is shown in logs; put it in the settings or the environment`,
      );
    }
    if (!options.includes(key)) {
      const known = options.length === 0 ? "there are none" : `there are ${options.join(", ")}`;
      throw invalidConfig(`${scheme}:// URLs take no option ${JSON.stringify(name.replace(/^.*@/s, ""))}; ${known}`);
    }
    found[key] = value;
  }
  return found;
}

function decoded(path: string, url: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw invalidConfig(`${shownUrl(url)}: a % in the path is not followed by two hexadecimal digits; write it as %25`);
  }
}

/** The settings of one replica, an empty value being none. */
export class Settings {
  readonly #values: Readonly<Record<string, SettingValue>>;

  constructor(values: Readonly<Record<string, SettingValue>>) {
    this.#values = values;
  }

  text(key: string): string | undefined {
    const value = Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
    return value === undefined ? undefined : filled(String(value));
  }

  /** Throws `InvalidConfig` for what is neither true nor false. */
  flag(key: string): boolean | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    if (value === "true" || value === "false") return value === "true";
    throw invalidConfig(`${key}: ${value} is neither true nor false`);
  }
}

/** Sees to it that no error says the secrets of a location: the settings and variables named, and the password of a URL. */
export function keepSecretsOf(
  { url, settings, env }: ReplicaLocation,
  keys: readonly string[],
  variables: readonly string[] = [],
): void {
  const [, password] = /^[^:]+:\/\/[^:/?#]*:(.*)@/s.exec(url ?? "") ?? [];
  keepSecret(password);
  for (const key of keys) if (Object.hasOwn(settings, key)) keepSecret(String(settings[key]));
  for (const name of variables) keepSecret(env[name]);
}

/** A value of the environment, an empty one being none. */
export function filled(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}

/** A path as the prefix of keys: no slash at its ends, none double. Throws for a part `..`. */
export function keyPrefix(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw invalidConfig(`the path ${JSON.stringify(path)} holds a part ..`);
  return parts.join("/");
}

/** Whether a host is this machine, so that what goes there unencrypted goes over no wire. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/i.test(host);
}

/**
 * The address of a store. Without a scheme it is https, or http on this machine; `http://` that is written out is taken as
 * meant. `plain`: http is what is meant where there is no scheme.
 */
export function endpointUrl(given: string, name: string, plain = false): URL {
  const host = given.replace(/(?::\d+)?(?:\/.*)?$/, "");
  const scheme = /^[a-z]+:\/\//i.test(given) ? "" : plain || isLoopback(host) ? "http://" : "https://";
  const url = URL.parse(`${scheme}${given}`);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.hostname === "" ||
    url.username !== "" ||
    url.search !== ""
  ) {
    throw invalidConfig(`${name}: ${shownUrl(given)} is no address; write it as https://host:port`);
  }
  return url;
}

let lastCertificates = "";

/** The certificates of a `ca-file` setting, PEM. One string for all replicas that name the same file: it may be large. */
export function readCaFile(file: string): string {
  let pem: string;
  try {
    pem = readFileSync(file, "utf8");
  } catch (error) {
    throw invalidConfig(`ca-file: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!pem.includes("-----BEGIN CERTIFICATE-----"))
    throw invalidConfig(`ca-file: ${file} holds no certificate in PEM form`);
  if (pem !== lastCertificates) lastCertificates = pem;
  return lastCertificates;
}

/** A URL without what may be secret: user, password and options. */
export function shownUrl(url: string): string {
  // A password may hold what ends a host elsewhere: where there is a colon before it, everything up to the last @ is cut off.
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)?(?:[^/?#:]*:.*@|[^/?#]*@)/is, "$1").replace(/[?#].*$/s, "");
}

/** The error of a URL or setting that makes no sense. */
export function invalidConfig(reason: string): ReplicaError {
  return new ReplicaError({ code: "InvalidConfig", operation: "open", reason });
}
