// Generations with WAL and no snapshot. A listing that leaves something out must not be enough to call one so: retention
// takes all WAL of such a history away.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import type { Catalog } from "./catalog.ts";
import { parseKey, snapshotsPrefix } from "./layout.ts";
import type { Generation } from "./position.ts";

/** The generations without a snapshot in the catalog, as far as asking for each one's snapshots by itself finds none either. */
export async function headlessGenerations(
  client: ReplicaClient,
  catalog: Catalog,
  options: CallOptions = {},
): Promise<Set<Generation>> {
  const found = new Set<Generation>();
  for (const { generation, snapshots } of catalog.generations) {
    if (snapshots.length === 0 && !(await hasSnapshot(client, generation, options))) found.add(generation);
  }
  return found;
}

async function hasSnapshot(client: ReplicaClient, generation: Generation, options: CallOptions): Promise<boolean> {
  for await (const { key } of client.list(snapshotsPrefix(generation), options)) {
    if (parseKey(key) !== undefined) return true;
  }
  return false;
}
