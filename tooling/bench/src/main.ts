// `npm run bench [-- --only NAME,NAME] [--rounds N] [--json FILE]`: measures, prints the table, and says honestly what is reached.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { cacheFolder, repositoryRoot, runToEnd } from "@litewake-tooling/testkit";
import type { Figure } from "./figures.ts";
import { tableOf } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { backlog } from "./scenarios/backlog.ts";
import { cpuShipping, idle } from "./scenarios/cpu.ts";
import { lag, requests } from "./scenarios/lag.ts";
import { restoreMemory, snapshot } from "./scenarios/large.ts";
import { restoreFile, restoreLatency, restoreS3, restoreShards } from "./scenarios/restore.ts";
import { start } from "./scenarios/start.ts";
import { thousand } from "./scenarios/thousand.ts";
import { writeFull, writePaced } from "./scenarios/write-cost.ts";

const SCENARIOS: readonly Scenario[] = [
  writeFull,
  writePaced,
  restoreLatency,
  restoreS3,
  restoreFile,
  restoreShards,
  restoreMemory,
  start,
  lag,
  backlog,
  cpuShipping,
  idle,
  thousand,
  snapshot,
  requests,
];
const DEFAULT_ROUNDS = 5;

interface Options {
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  readonly json: string | undefined;
}

function optionsOf(argv: readonly string[]): Options {
  const given = new Map<string, string>();
  for (let n = 0; n < argv.length; n++) {
    const word = argv[n] ?? "";
    if (word === "--") continue;
    if (!["--only", "--rounds", "--json"].includes(word) || argv[n + 1] === undefined) usage(`what is ${word}?`);
    given.set(word, argv[++n] ?? "");
  }
  const only = given.get("--only")?.split(",");
  const unknown = only?.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) usage(`there is no scenario ${unknown}`);
  const rounds = Number(given.get("--rounds") ?? DEFAULT_ROUNDS);
  if (!Number.isSafeInteger(rounds) || rounds < 1) usage("--rounds is a number from 1 on");
  return { scenarios: SCENARIOS.filter(({ name }) => only?.includes(name) ?? true), rounds, json: given.get("--json") };
}

function usage(why: string): never {
  console.error(`bench: ${why}\nusage: npm run bench [-- --only NAME,NAME] [--rounds N] [--json FILE]`);
  for (const { name, about } of SCENARIOS) console.error(`  ${name.padEnd(18)} ${about}`);
  process.exit(2);
}

/** What the figures were measured on. */
function machine() {
  const [cpu] = os.cpus();
  return {
    cpu: `${os.cpus().length} × ${cpu?.model.trim() ?? "unknown"}`,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    node: process.version,
    litestream: ["0.3.13", "0.5.17"],
  };
}

const { scenarios, rounds, json } = optionsOf(process.argv.slice(2));
const emulators = path.join(repositoryRoot, "tooling/emulators/src/main.ts");
if (scenarios.some(({ servers }) => servers)) {
  const { code, stderr } = await runToEnd(process.execPath, [emulators, "start"], { timeoutMs: 15 * 60_000 });
  if (code !== 0) throw new Error(`the servers did not start: ${stderr}`);
}
const base = path.join(cacheFolder, "bench-runs");
const figures: Figure[] = [];
const failures: string[] = [];
for (const { name, about, run } of scenarios) {
  console.error(`\n${name}: ${about}`);
  const folder = path.join(base, name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  try {
    figures.push(...(await run({ rounds, folder, say: (line) => console.error(`  ${line}`) })));
  } catch (error) {
    failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    console.error(`  failed: ${failures.at(-1)}`);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
console.log(tableOf(figures));
const { cpu, memoryGb, kernel, node, litestream } = machine();
console.log(
  `${cpu}, ${memoryGb} GB, Linux ${kernel}, Node ${node}, Litestream ${litestream.join(" and ")}; the middle of ${rounds} rounds`,
);
for (const failure of failures) console.log(`not measured: ${failure}`);
if (json !== undefined)
  fs.writeFileSync(json, `${JSON.stringify({ machine: machine(), rounds, figures, failures }, null, 2)}\n`);
if (failures.length > 0) process.exitCode = 1;
