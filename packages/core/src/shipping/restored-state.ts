// The note that a restore leaves beside the database: where it came from, so that replication goes on from there.
import type { Position } from "../replica/position.ts";
import { type FileIdentity, identityOf, mayChangeUnseen } from "../database/live-database.ts";
import { LocalStateFile, metaFolder } from "../database/local-state.ts";
import { step } from "../steps.ts";

/** What a file keeps when it is renamed and loses when it is written to. */
export type Stamp = Omit<FileIdentity, "ctimeNs">;

/** Of a file that nobody else has open. Undefined: it is not there. */
export function stampOf(path: string): Stamp | undefined {
  return identityOf(path);
}

/** As `restore` and `restoreFleet` answer it. */
export interface Restored {
  readonly replicaUrl: string;
  readonly position: Position;
  /** Of the file before it had its name. */
  readonly stamp: Stamp;
}

/**
 * Notes that the file at `output` is the state at `position` of the replica at `replicaUrl`. While the file is untouched,
 * the next replication goes on in the same generation, without a snapshot. A note that cannot be written is no failure.
 * Nothing is noted of a file that was written to since it was restored: an application may wait for the name to appear.
 */
export function noteRestored(output: string, { replicaUrl, position, stamp }: Restored): void {
  const database = identityOf(output);
  const isUntouched = database?.ino === stamp.ino && database.size === stamp.size && database.mtimeNs === stamp.mtimeNs;
  if (!isUntouched || mayChangeUnseen(database)) return;
  const { generation, index, offset } = position;
  new LocalStateFile(metaFolder(output)).update({
    rest: { database, wal: null, replicas: { [replicaUrl]: { generation, index, offset } } },
    closed: undefined,
    wal: undefined,
  });
  step("restore:noted");
}
