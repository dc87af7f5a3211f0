// What `npm test` runs: checks, then the tests by what they need, and at the end the time of each suite and the count.
// Arguments: `--project NAME` (may be given again) for some of the projects, anything else picks test files by name.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startPrefetch } from "./prefetch.mjs";
import { runProject } from "./vitest-run.mjs";

/** The first needs nothing but Node and runs while the rest's needs are fetched. */
const FIRST = ["unit"];
const REST = ["process", "interop", "crash", "large"];

const CHECKS = [
  { name: "types of the tests and tools (tsc)", command: "tsc", args: ["-p", "tooling/tsconfig/tests.json"] },
  {
    name: "lint (oxlint)",
    command: "oxlint",
    args: ["-c", "tooling/lint/oxlint.json", "--quiet", "packages", "tooling"],
  },
  { name: "floors of the house", command: process.execPath, args: ["tooling/lint/floors.ts"] },
];

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const { projects, filters } = readArguments(process.argv.slice(2));
const results = [];

function readArguments(argv) {
  const picked = [];
  const names = [];
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === "--project") picked.push(argv[++i]);
    else if (argv[i] !== "--") names.push(argv[i]);
  }
  const unknown = picked.find((name) => ![...FIRST, ...REST].includes(name));
  if (unknown !== undefined) {
    console.error(`no project ${unknown}: there are ${[...FIRST, ...REST].join(", ")}`);
    process.exit(2);
  }
  return { projects: picked.length === 0 ? [...FIRST, ...REST] : picked, filters: names };
}

function check({ name, command, args }) {
  const began = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  const ok = status === 0;
  if (!ok) console.error(`\n${name} failed:\n${error?.message ?? ""}${stdout ?? ""}${stderr ?? ""}`);
  return { name, ms: performance.now() - began, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

async function timed(project, work) {
  const began = performance.now();
  const suites = await work();
  if (suites.length > 0) results.push({ project, ms: performance.now() - began, suites });
}

const vitest = (project, env) => timed(project, () => runProject(root, project, filters, env));

const needed = REST.filter((name) => projects.includes(name));
const prefetch = needed.length > 0 ? startPrefetch(root) : undefined;
for (const project of FIRST.filter((name) => projects.includes(name))) await vitest(project, {});
if (process.argv.length === 2) await timed("checks", async () => CHECKS.map(check));

if (prefetch !== undefined) {
  const fetched = await prefetch;
  await timed("fetched", async () =>
    fetched.map(({ name, ms, ok, output }) => {
      if (!ok) console.error(`\n${name} could not be had:\n${output}`);
      return { name, ms, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
    }),
  );
  const env = Object.assign({}, ...fetched.map((thing) => thing.env));
  for (const project of needed) await vitest(project, env);
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`.padStart(9);
const counted = (suite) =>
  [
    [suite.passed, "passed"],
    [suite.failed, "FAILED"],
    [suite.skipped, "skipped"],
  ]
    .filter(([count], i) => i === 0 || count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");

console.log("\nTime and result of each suite");
for (const { project, ms, suites } of results) {
  console.log(`\n${seconds(ms)}  ${project}`);
  for (const suite of suites.toSorted((a, b) => b.ms - a.ms)) {
    console.log(`${seconds(suite.ms)}    ${suite.name}  (${counted(suite)})`);
  }
}

const all = results.flatMap((result) => result.suites);
const sum = (key) => all.reduce((total, suite) => total + suite[key], 0);
// What was fetched is a need, not a test: only its failures count.
const fetchedOk = results.filter((result) => result.project === "fetched").flatMap((result) => result.suites);
const passed = sum("passed") - fetchedOk.reduce((total, suite) => total + suite.passed, 0);
const skipped = sum("skipped");
if (passed + sum("failed") === 0) console.error("\nno test ran");
console.log(`\n${passed} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = sum("failed") > 0 || passed === 0 ? 1 : 0;
