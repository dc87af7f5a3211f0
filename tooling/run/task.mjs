// Runs a task of the workspace on a machine that has only Node and npm. It installs what the task needs, puts the
// pinned Node 24 first on PATH, and hands over. Plain JavaScript: an older system Node must be able to run it.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { auditVerdict, sbomArguments } from "./supply.mjs";

const PNPM = "pnpm@12.21.0";
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

const env = {
  ...process.env,
  PATH: `${path.join(root, "node_modules/.bin")}${path.delimiter}${process.env.PATH ?? ""}`,
};

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, env, stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(signal === null ? (status ?? 1) : 1);
}

function install() {
  run("npx", ["-y", PNPM, "install", "--frozen-lockfile", "--reporter=append-only", "--loglevel=warn"]);
}

/** Known flaws of what is installed at run time. An endpoint that does not answer proves nothing: exit code 3. */
function audit() {
  const { stdout, stderr, status } = spawnSync("npx", ["-y", PNPM, "audit", "--prod"], {
    cwd: root,
    env,
    encoding: "utf8",
  });
  const { line, code } = auditVerdict(status, `${stdout}${stderr}`);
  process.stdout.write(`${stdout}${stderr}${line}\n`);
  if (code !== 0) process.exit(code);
}

function build() {
  run("tsc", ["-b", "tooling/tsconfig/workspace.json"]);
  run("node", ["tooling/bundle/src/bundle.ts"]);
}

// The tests run on the pinned Node, unless this says "system": then on the one that runs this file.
const testNode = process.env.LITEWAKE_TEST_NODE === "system" ? process.execPath : "node";

const tasks = {
  build: [install, build],
  check: [install, build, () => run("tsc", ["-p", "tooling/tsconfig/tests.json"])],
  lint: [
    install,
    build,
    () => run("oxlint", ["-c", "tooling/lint/oxlint.json", "packages", "tooling", "examples"]),
    () => run("node", ["tooling/lint/floors.ts"]),
  ],
  format: [
    install,
    () => run("oxfmt", ["-c", "tooling/lint/oxfmt.json", "packages", "tooling", "examples", "!**/*.md"]),
  ],
  test: [install, build, () => run(testNode, ["tooling/run/test.mjs", ...process.argv.slice(3)])],
  bench: [install, build, () => run("node", ["tooling/bench/src/main.ts", ...process.argv.slice(3)])],
  faults: [install, build, () => run("node", ["tooling/faults/src/main.ts", ...process.argv.slice(3)])],
  soak: [install, build, () => run("node", ["tooling/faults/src/main.ts", "soak", ...process.argv.slice(3)])],
  audit: [audit],
  sbom: [() => run("npx", ["-y", PNPM, ...sbomArguments(process.argv[3] ?? "sbom.cdx.json")])],
  demo: [install, build, () => run("node", ["tooling/demo/demo.mjs", ...process.argv.slice(3)])],
};

const steps = tasks[process.argv[2]];
if (steps === undefined) {
  console.error(`usage: node tooling/run/task.mjs ${Object.keys(tasks).join("|")}`);
  process.exit(2);
}
let counted = false;
process.on("exit", (code) => {
  // The tests print their own count; a run that does not get that far still ends with one.
  if (process.argv[2] === "test" && code !== 0 && !counted) console.log("\n0 passed, 1 failed");
});
for (const [i, step] of steps.entries()) {
  counted = i === steps.length - 1;
  step();
}
