// The places of the protocol between which another process may do anything, and at each of which this one may be stopped,
// delayed or killed. Tests watch them; where nobody does, a step costs one comparison.

/** Named after what has just been done; `…ing` where it is about to be done. */
export type Step =
  // Following: the mark, write-backs, rotations.
  | "look"
  | "start:marked"
  | "move:marked"
  | "move:released"
  | "passive"
  | "bridge:mark0"
  | "bridge:entered"
  | "bridge:seen"
  | "bridge:marked"
  | "bridge:released"
  | "seal:begun"
  | "seal:moved"
  | "seal:passive"
  | "seal:released"
  // Local state and the tails of old WALs beside the database.
  | "spool:created"
  | "spool:written"
  | "spool:discarded"
  | "state:writing"
  | "state:written"
  | "epoch:closed"
  | "rest:noted"
  // Shipping.
  | "resume:read"
  | "resume:adopted"
  | "resume:decided"
  | "generation:begun"
  | "generation:written"
  | "snapshot:frozen"
  | "snapshot:copying"
  | "snapshot:put"
  | "snapshot:acknowledged"
  | "segment:synced"
  | "segment:ahead"
  | "segment:put"
  | "segment:acknowledged"
  | "stop:written-back"
  | "stop:recorded"
  // Retention.
  | "retention:marked"
  | "retention:deleting"
  | "retention:deleted"
  // Restoring.
  | "restore:planned"
  | "restore:created"
  | "restore:fetched"
  | "restore:applied"
  | "restore:checked"
  | "restore:synced"
  | "restore:named"
  | "restore:published"
  | "restore:noted"
  // Fleets: the manifest, the lease, restore points, restoring together.
  | "manifest:read"
  | "manifest:claimed"
  | "lease:probed"
  | "lease:taken"
  | "point:cut"
  | "point:durable"
  | "point:published"
  | "journal:writing"
  | "journal:written"
  | "journal:renaming"
  | "journal:renamed"
  | "journal:removed";

let watcher: ((step: Step) => void) | undefined;

/** To be called at each step. */
export function step(reached: Step): void {
  watcher?.(reached);
}

/** Has `watch` called at each step of this process; for tests. It replaces whoever watched before. */
export function watchSteps(watch: ((step: Step) => void) | undefined): void {
  watcher = watch;
}
