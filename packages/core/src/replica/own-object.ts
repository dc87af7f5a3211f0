// Litewake's own objects in a replica: small, JSON, each with a version of its form (docs/compatibility.md).
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";

/** The largest of ours, a point over 100,000 databases, has 8 MB. */
const MAX_BYTES = 16 << 20;
/** Ours have three levels. Each one of a text costs its reader a hundred bytes. */
const MAX_DEPTH = 16;

/** What every such object says of its form. */
export interface OwnObject {
  readonly version: 1;
  readonly [field: string]: unknown;
}

/** An object of a newer form: it may be ignored by a restore and must not be overridden by a writer. */
export class NewerForm extends LitewakeError {
  constructor(url: string, key: string, version: unknown) {
    super("refused", `${url}/${key} has the form ${shown(version)}, which is newer than this program`, {
      next: "update litewake",
    });
    this.name = "NewerForm";
  }
}

/**
 * Reads an object; undefined if there is none. Throws `NewerForm`, or kind `damaged` for what is no such object. What its
 * fields hold is for the caller to prove.
 */
export async function readOwn(
  client: ReplicaClient,
  key: string,
  options: CallOptions = {},
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of await client.get(key, options)) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BYTES) throw unreadable(client, key);
      chunks.push(chunk);
    }
  } catch (error) {
    if (ReplicaError.is(error, "NotFound")) return undefined;
    throw error;
  }
  const value = parse(Buffer.concat(chunks));
  if (value === undefined) throw unreadable(client, key);
  if (value["version"] !== 1) throw new NewerForm(client.url, key, value["version"]);
  return value;
}

/** Stores an object that must not be there yet; false: it is. Where the store cannot put if absent, it is overwritten. */
export async function createOwn(
  client: ReplicaClient,
  key: string,
  value: OwnObject,
  options: CallOptions = {},
): Promise<boolean> {
  try {
    await client.put(key, bytesOf(value), {
      ...options,
      ...(client.capabilities.putIfAbsent ? { ifAbsent: true } : {}),
    });
    return true;
  } catch (error) {
    if (ReplicaError.is(error, "Conflict")) return false;
    throw error;
  }
}

/** Stores an object, whether there is one or not. Only for whoever holds the lease. */
export async function replaceOwn(
  client: ReplicaClient,
  key: string,
  value: OwnObject,
  options: CallOptions = {},
): Promise<void> {
  await client.put(key, bytesOf(value), options);
}

function bytesOf(value: OwnObject): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}

function parse(bytes: Uint8Array): Record<string, unknown> | undefined {
  if (isDeep(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING = new Set(Buffer.from("[{"));
const CLOSING = new Set(Buffer.from("]}"));

function isDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.byteLength; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) inString = !inString;
    else if (inString) at += byte === BACKSLASH ? 1 : 0;
    else if (OPENING.has(byte)) depth += 1;
    else if (CLOSING.has(byte)) depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

function shown(version: unknown): string {
  return typeof version === "number" ? String(version) : "of another kind";
}

function unreadable(client: ReplicaClient, key: string): LitewakeError {
  return new LitewakeError("damaged", `${client.url}/${key} cannot be read`, {
    next: "it is no object that litewake wrote",
  });
}
