// The thread in which SQLite checks a restored file that is not small.
import { parentPort, workerData } from "node:worker_threads";
import { checkFile, type CheckRequest } from "./check-file.ts";

const request: CheckRequest = workerData;
parentPort?.postMessage(checkFile(request));
