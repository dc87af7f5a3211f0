// What tests need and takes long to get is fetched in the background while the unit tests run.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const TESTKIT = ["tooling/testkit/src/prefetch.ts"];
const EMULATORS = ["tooling/emulators/src/main.ts", "fetch"];

/** Each with the program that gets it, and the variable that tells the tests that it could not be had. */
const THINGS = {
  "litestream-0.3.13": { program: TESTKIT, variable: "LITEWAKE_NO_LITESTREAM_0_3_13" },
  "litestream-0.5.17": { program: TESTKIT, variable: "LITEWAKE_NO_LITESTREAM_0_5_17" },
  "sqlite3-shell": { program: TESTKIT },
  sftp: { program: EMULATORS },
  toxiproxy: { program: EMULATORS },
  gcs: { program: EMULATORS },
  azurite: { program: EMULATORS },
  minio: { program: EMULATORS },
};

/**
 * Starts those named; the promise resolves with one result each: `{ name, ms, ok, output, env }`. What the fetching
 * programs say goes to `.cache/<name>.log`.
 */
export function startPrefetch(root, names) {
  fs.mkdirSync(path.join(root, ".cache"), { recursive: true });
  return Promise.all(names.map((name) => fetchOne(root, name)));
}

async function fetchOne(root, name) {
  const { program, variable } = THINGS[name];
  const began = performance.now();
  const logFile = path.join(root, ".cache", `${name}.log`);
  const log = fs.openSync(logFile, "w");
  const [script, ...args] = program;
  const child = spawn(process.execPath, [path.join(root, script), ...args, name], { stdio: ["ignore", log, log] });
  // Compiling must not slow the tests beside it.
  if (child.pid !== undefined) os.setPriority(child.pid, os.constants.priority.PRIORITY_LOW);
  const code = await new Promise((resolve) =>
    child.on("error", () => resolve(1)).on("exit", (exit) => resolve(exit ?? 1)),
  );
  fs.closeSync(log);
  const output = fs.readFileSync(logFile, "utf8").trim();
  const ok = code === 0;
  const env = ok || variable === undefined ? {} : { [variable]: output.split("\n").at(-1) ?? "see its log" };
  return { name, ms: performance.now() - began, ok, output, env };
}
