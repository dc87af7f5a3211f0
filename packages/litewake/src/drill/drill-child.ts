// The process that holds one drill. When whoever started it is gone, it takes away what it has written, and ends.
import fs from "node:fs";
import os from "node:os";
import { LitewakeError } from "@litewake/core";
import { proveRestorable } from "@litewake/core/drill";
import { ReplicaError } from "@litewake/core/backend";
import { openReplica } from "../backends.ts";
import { DEFAULT_PATIENCE_MS, patient } from "../cli/patience.ts";
import type { DrillAnswer, DrillOrder } from "./messages.ts";

async function hold({ replica, packages, from, task }: DrillOrder): Promise<DrillAnswer> {
  try {
    const client = await openReplica(replica, process.env, { packages, from });
    const source = { name: replica.name, client: patient(client, DEFAULT_PATIENCE_MS, () => {}) };
    const signal = new AbortController().signal;
    try {
      return { proof: await proveRestorable(source, task, { folder: task.folder, signal }) };
    } finally {
      await client.close();
    }
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function failureOf(error: unknown): Extract<DrillAnswer, { failure: unknown }>["failure"] {
  if (error instanceof LitewakeError) return { kind: error.kind, message: error.message };
  const message = error instanceof Error ? error.message : String(error);
  return { kind: ReplicaError.is(error) ? "unreachable" : "internal", message };
}

try {
  // Before any thread is started: each takes it over. On Linux the disk's scheduler goes by it too.
  os.setPriority(os.constants.priority.PRIORITY_LOW);
} catch {
  // Then it runs as others do.
}
// A signal to the whole group is for whoever started this.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
let answered = false;
process.once("disconnect", leave);
process.once("message", (order: DrillOrder) => {
  void serve(order);
});
// Whoever started this may have gone while it was loading: the event has been, and the order went with the channel.
if (!process.connected) leave();

async function serve(order: DrillOrder): Promise<void> {
  const answer = await hold(order);
  answered = true;
  process.send?.(answer);
}

/** The folder comes by argument, since the order may never arrive. Its writers may be at work in it: hence the retries. */
function leave(): void {
  const [, , folder] = process.argv;
  try {
    if (!answered && folder !== undefined)
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  } finally {
    process.exit(0);
  }
}
