// What tests need and takes long to get is fetched in the background while the unit tests run.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** Each with the variable that tells the tests that it could not be had. */
const THINGS = {
  "litestream-0.3.13": "LITEWAKE_NO_LITESTREAM_0_3_13",
  "litestream-0.5.17": "LITEWAKE_NO_LITESTREAM_0_5_17",
  "sqlite3-shell": undefined,
};

/**
 * Starts all; the promise resolves with one result each: `{ name, ms, ok, output, env }`. What the fetching programs say
 * goes to `.cache/<name>.log`.
 */
export function startPrefetch(root) {
  const cache = path.join(root, ".cache");
  fs.mkdirSync(cache, { recursive: true });
  const script = path.join(root, "tooling/testkit/src/prefetch.ts");
  return Promise.all(Object.entries(THINGS).map(([name, variable]) => fetchOne(name, variable, script, cache)));
}

async function fetchOne(name, variable, script, cache) {
  const began = performance.now();
  const logFile = path.join(cache, `${name}.log`);
  const log = fs.openSync(logFile, "w");
  const child = spawn(process.execPath, [script, name], { stdio: ["ignore", log, log] });
  // Compiling must not slow the tests beside it.
  if (child.pid !== undefined) os.setPriority(child.pid, os.constants.priority.PRIORITY_BELOW_NORMAL);
  const code = await new Promise((resolve) =>
    child.on("error", () => resolve(1)).on("exit", (exit) => resolve(exit ?? 1)),
  );
  fs.closeSync(log);
  const output = fs.readFileSync(logFile, "utf8").trim();
  const ok = code === 0;
  const env = ok || variable === undefined ? {} : { [variable]: output.split("\n").at(-1) ?? "see its log" };
  return { name, ms: performance.now() - began, ok, output, env };
}
