// The thread in which rows are spread, so that the lease is renewed and signals are heard meanwhile.
import { parentPort, workerData } from "node:worker_threads";
import { LitewakeError } from "../../errors.ts";
import { redistribute } from "./redistribute.ts";
import type { Redistribution } from "./table-plan.ts";

const request: Redistribution = workerData;
try {
  parentPort?.postMessage({ tables: redistribute(request) });
} catch (error) {
  // An error's class does not survive the way between threads.
  const kind = error instanceof LitewakeError ? error.kind : "database";
  parentPort?.postMessage({ kind, message: error instanceof Error ? error.message : String(error) });
}
