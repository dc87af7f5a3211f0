// Litewake's own objects in a replica: small, JSON, each with a version of its form (docs/compatibility.md).
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";

const MAX_BYTES = 64 << 20;

/** What every such object says of its form. */
export interface OwnObject {
  readonly version: 1;
  readonly [field: string]: unknown;
}

/** An object of a newer form: it may be ignored by a restore and must not be overridden by a writer. */
export class NewerForm extends LitewakeError {
  constructor(url: string, key: string, version: unknown) {
    super("refused", `${url}/${key} has the form ${JSON.stringify(version)}, which is newer than this program`, {
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
  let text = "";
  try {
    const decoder = new TextDecoder();
    for await (const chunk of await client.get(key, options)) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > MAX_BYTES) throw unreadable(client, key);
    }
    text += decoder.decode();
  } catch (error) {
    if (ReplicaError.is(error, "NotFound")) return undefined;
    throw error;
  }
  const value = parse(text);
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

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function unreadable(client: ReplicaClient, key: string): LitewakeError {
  return new LitewakeError("damaged", `${client.url}/${key} cannot be read`, {
    next: "it is no object that litewake wrote",
  });
}
