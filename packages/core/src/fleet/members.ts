// Which databases a fleet of changing members has: each is noted in the replica when it is first shipped.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { OWN_PREFIX } from "../replica/layout.ts";
import { createOwn } from "../replica/own-object.ts";
import { requireMemberName } from "./member-name.ts";

/** A database of a fleet. */
export interface FleetMember {
  /** Folder in the replica, below its root: `shard_0`, `tenants/a`. */
  readonly name: string;
  /** The database file, absolute. */
  readonly path: string;
}

const MEMBERS = `${OWN_PREFIX}databases/`;

/** Notes a database, so that a restore on an empty disk knows of it. */
export async function noteMember(client: ReplicaClient, name: string, options: CallOptions = {}): Promise<void> {
  await createOwn(client, `${MEMBERS}${name}.json`, { version: 1 }, options);
}

/** Names of all databases that were ever noted. One listing. Throws kind `damaged` for one that could lead elsewhere. */
export async function notedMembers(client: ReplicaClient, options: CallOptions = {}): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of client.list(MEMBERS, options)) {
    if (!key.endsWith(".json")) continue;
    const name = key.slice(MEMBERS.length, -".json".length);
    requireMemberName(name, client.url);
    names.push(name);
  }
  return names;
}
