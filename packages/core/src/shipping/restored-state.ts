// The note that a restore leaves beside the database: where it came from, so that replication goes on from there.
import type { Position } from "../replica/position.ts";
import { identityOf } from "../database/live-database.ts";
import { LocalStateFile, metaFolder } from "../database/local-state.ts";
import { step } from "../steps.ts";

/**
 * Notes that the file at `output` is the state at `position` of the replica at `replicaUrl`. While the file is untouched,
 * the next replication goes on in the same generation, without a snapshot. A note that cannot be written is no failure.
 */
export function noteRestored(output: string, replicaUrl: string, position: Position): void {
  const database = identityOf(output);
  if (database === undefined) return;
  const { generation, index, offset } = position;
  try {
    new LocalStateFile(metaFolder(output)).update({
      rest: { database, wal: null, replicas: { [replicaUrl]: { generation, index, offset } } },
      closed: undefined,
      wal: undefined,
    });
    step("restore:noted");
  } catch {
    // Only a cache: without it the next replication begins a new generation.
  }
}
