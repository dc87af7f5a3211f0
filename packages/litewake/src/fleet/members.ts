// Which databases a fleet has: by number, or by what a pattern matches at this moment.
import path from "node:path";
import { type FleetMember, isMemberName, notedMembers } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import type { FleetConfig } from "../config/config.ts";
import { fileOf, nameOf } from "../config/read-fleet.ts";

/** The databases of a fleet as its configuration and its folder say. */
export async function membersOf(fleet: FleetConfig): Promise<FleetMember[]> {
  const { layout } = fleet;
  if (layout.kind === "shards") {
    const { shards, dlq } = layout.sharding;
    return [...shards, ...(dlq === null ? [] : [dlq])].map((name) => ({ name, path: fileOf(fleet, name) }));
  }
  // Loaded where it is used only: an application that embeds Litewake imports this file too.
  const { glob, isDynamicPattern } = await import("tinyglobby");
  // A name without wildcards is waited for, wherever its file is now.
  if (!isDynamicPattern(layout.pattern))
    return [
      { name: nameOf(fleet, path.join(fleet.folder, layout.pattern)), path: path.join(fleet.folder, layout.pattern) },
    ];
  const files = await glob(layout.pattern, { cwd: fleet.folder, absolute: true, onlyFiles: true, dot: false });
  return files
    .map((file) => ({ name: nameOf(fleet, file), path: path.normalize(file) }))
    .filter(({ name }) => isMemberName(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Those that the replica knows of, though their files may be gone, and that the configuration would follow. One listing for a
 * fleet that goes by a pattern. Throws kind `damaged` for a name that leads elsewhere.
 */
export async function knownMembers(
  fleet: FleetConfig,
  client: ReplicaClient,
  signal?: AbortSignal,
): Promise<FleetMember[]> {
  if (fleet.layout.kind === "shards") return membersOf(fleet);
  const names = await notedMembers(client, { signal });
  const { pattern } = fleet.layout;
  return names
    .map((name) => ({ name, path: fileOf(fleet, name) }))
    .filter(({ path: file }) => path.matchesGlob(path.relative(fleet.folder, file), pattern));
}
