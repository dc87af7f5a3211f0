// `npm run faults -- system`: disks, permissions, descriptors, clocks and database files fail under a running Litewake.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Case, playAll, type Verdict } from "./run-cases.ts";
import { THEMES } from "./themes.ts";

const INSIDE = "LITEWAKE_FAULTS_INSIDE";
const USAGE = `system [--theme NAME]... [--only SCENARIO]... [--seeds N] [--seed N] [--jobs N] [--quick]`;

interface Options {
  themes: string[];
  only: string[];
  seeds: number;
  first: number;
  jobs: number;
  quick: boolean;
  json: boolean;
}

function read(argv: readonly string[]): Options {
  const options: Options = { themes: [], only: [], seeds: 6, first: 1, jobs: 4, quick: false, json: false };
  for (let i = 0; i < argv.length; i++) {
    const flag = argv[i] ?? "";
    if (flag === "--quick") options.quick = true;
    else if (flag === "--json") options.json = true;
    else {
      const value = argv[++i] ?? "";
      if (flag === "--theme" && THEMES[value] !== undefined) options.themes.push(value);
      else if (flag === "--only") options.only.push(value);
      else if (flag === "--seeds") options.seeds = Number(value);
      else if (flag === "--seed") [options.first, options.seeds] = [Number(value), 1];
      else if (flag === "--jobs") options.jobs = Number(value);
      else throw new Error(`${flag} ${value}: usage: ${USAGE}; themes: ${Object.keys(THEMES).join(", ")}`);
    }
  }
  return options;
}

function casesOf({ themes, only, seeds, first }: Options): Case[] {
  const wanted = Object.entries(THEMES).filter(([name]) => themes.length === 0 || themes.includes(name));
  const scenarios = wanted.flatMap(([, theme]) => theme).filter(({ name }) => only.length === 0 || only.includes(name));
  return Array.from({ length: seeds }, (_, n) => scenarios.map((scenario) => ({ scenario, seed: first + n }))).flat();
}

/** Answers how many cases failed. */
export async function main(argv: readonly string[]): Promise<number> {
  const options = read(argv);
  const cases = casesOf(options);
  if (cases.length === 0) throw new Error(`no such scenario: usage: ${USAGE}`);
  // Mounts are to be seen, and to end, with this process and its children alone.
  if (process.env[INSIDE] !== "1") return inNamespace(argv);
  const begun = performance.now();
  const tell = (verdict: Verdict): void => {
    if (options.json) return void process.stdout.write(`${JSON.stringify(verdict)}\n`);
    const { name, seed, ok, ms, why } = verdict;
    console.log(`${ok ? "ok  " : "FAIL"} ${name} seed ${seed} (${ms} ms)`);
    if (why !== undefined) console.log(`${why}\n     again: npm run faults -- system --only ${name} --seed ${seed}`);
  };
  const failed = await playAll(cases, { jobs: options.jobs, long: !options.quick, tell });
  if (!options.json)
    console.log(`${cases.length} cases, ${failed} failed, ${Math.round((performance.now() - begun) / 1000)} s`);
  return failed;
}

/** This process itself goes on in there: there is no second one that could be left behind. */
function inNamespace(argv: readonly string[]): never {
  const unshare = (process.env["PATH"] ?? "").split(path.delimiter).map((folder) => path.join(folder, "unshare"));
  const program = unshare.find((file) => fs.existsSync(file));
  if (program === undefined || process.execve === undefined) throw new Error("unshare(1) of util-linux is needed");
  const dispatcher = fileURLToPath(new URL("../main.ts", import.meta.url));
  const args = [
    "--mount",
    "--propagation",
    "private",
    process.execPath,
    ...process.execArgv,
    dispatcher,
    "system",
    ...argv,
  ];
  return process.execve(program, [program, ...args], { ...process.env, [INSIDE]: "1" });
}
