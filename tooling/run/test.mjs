// What `npm test` runs: checks, then the tests by what they need, and at the end the time of each suite and the count.
// Arguments: `--project NAME` (may be given again) for some of the projects, anything else picks test files by name.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startPrefetch } from "./prefetch.mjs";
import { runProject } from "./vitest-run.mjs";

const LITESTREAMS = ["litestream-0.3.13", "litestream-0.5.17"];
const SERVERS = ["sftp", "toxiproxy", "gcs", "azurite", "minio"];

/** The projects in their order, and what each needs that is fetched while the ones before it run. */
const PROJECTS = {
  unit: [],
  process: ["sqlite3-shell"],
  interop: ["sqlite3-shell", ...LITESTREAMS],
  crash: ["sqlite3-shell"],
  faults: ["sqlite3-shell", ...LITESTREAMS],
  large: LITESTREAMS,
  emulator: ["sqlite3-shell", ...LITESTREAMS, ...SERVERS],
};

const CHECKS = [
  { name: "types of the tests and tools (tsc)", command: "tsc", args: ["-p", "tooling/tsconfig/tests.json"] },
  {
    name: "lint (oxlint)",
    command: "oxlint",
    args: ["-c", "tooling/lint/oxlint.json", "--quiet", "packages", "tooling", "examples"],
  },
  {
    name: "format (oxfmt)",
    command: "oxfmt",
    args: ["-c", "tooling/lint/oxfmt.json", "--check", "packages", "tooling", "examples", "!**/*.md"],
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
  const unknown = picked.find((name) => !Object.hasOwn(PROJECTS, name));
  if (unknown !== undefined) {
    console.error(`no project ${unknown}: there are ${Object.keys(PROJECTS).join(", ")}`);
    process.exit(2);
  }
  return { projects: picked.length === 0 ? Object.keys(PROJECTS) : picked, filters: names };
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

const needed = [...new Set(projects.flatMap((name) => PROJECTS[name]))];
const fetching = new Map(needed.map((name) => [name, startPrefetch(root, [name])]));
const fetchedEnv = {};
const said = new Set();

/** Waits for what the project needs; a thing that could not be had fails once, and is told to the tests. */
async function needsOf(project) {
  for (const name of PROJECTS[project]) {
    if (said.has(name)) continue;
    said.add(name);
    await timed(`fetched ${name}`, async () =>
      (await fetching.get(name)).map(({ name: thing, ms, ok, output, env }) => {
        if (!ok) console.error(`\n${thing} could not be had:\n${output}`);
        Object.assign(fetchedEnv, env);
        return { name: thing, ms, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, fetched: true };
      }),
    );
  }
}

const servers = (verb, stdio = "inherit") =>
  spawnSync(process.execPath, ["tooling/emulators/src/main.ts", verb], { cwd: root, stdio });

/** The servers run for the project that needs them; one that cannot start is a failure, and the tests say so too. */
async function withServers(work) {
  // Servers that ran before are somebody's at work here.
  const ranBefore = servers("status", "ignore").status === 0;
  if (!ranBefore) process.on("exit", () => servers("stop"));
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => process.exit(1));
  await timed("servers", async () => {
    const began = performance.now();
    const ok = servers("start").status === 0;
    return [
      {
        name: "start of the servers",
        ms: performance.now() - began,
        passed: ok ? 1 : 0,
        failed: ok ? 0 : 1,
        skipped: 0,
        fetched: true,
      },
    ];
  });
  await work();
}

for (const [i, project] of projects.entries()) {
  await needsOf(project);
  const run = () => vitest(project, fetchedEnv);
  await (project === "emulator" ? withServers(run) : run());
  if (i === 0 && process.argv.length === 2) await timed("checks", async () => CHECKS.map(check));
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
const needsMet = all.filter((suite) => suite.fetched).reduce((total, suite) => total + suite.passed, 0);
const passed = sum("passed") - needsMet;
const skipped = sum("skipped");
if (passed + sum("failed") === 0) console.error("\nno test ran");
console.log(`\n${passed} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = sum("failed") > 0 || passed === 0 ? 1 : 0;
