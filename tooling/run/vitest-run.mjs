// One run of vitest over one of its projects, counted from its own JSON.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/**
 * Runs `project` (only files that match `filters`, if there are any) and hands back one record a test file:
 * `{ name, ms, passed, failed, skipped }`. What vitest says goes to the terminal as it comes.
 */
export async function runProject(root, project, filters, env) {
  const report = path.join(root, ".cache/tests", `${project}.json`);
  fs.mkdirSync(path.dirname(report), { recursive: true });
  fs.rmSync(report, { force: true });
  const args = [
    path.join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "-c",
    "tooling/vitest/vitest.config.ts",
    "--project",
    project,
    "--passWithNoTests",
  ];
  args.push("--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...filters);
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: "1", FORCE_COLOR: undefined }), ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise((resolve) =>
    child.on("error", () => resolve(1)).on("exit", (exit) => resolve(exit ?? 1)),
  );
  const suites = readReport(report, root);
  const failed = suites.reduce((sum, suite) => sum + suite.failed, 0);
  // An error outside of any test (a rejection nobody handled, a crash of vitest itself) is a failure all the same.
  if (code !== 0 && failed === 0)
    suites.push({ name: `vitest --project ${project} ended with ${code}`, ms: 0, passed: 0, failed: 1, skipped: 0 });
  return suites;
}

function readReport(file, root) {
  if (!fs.existsSync(file)) return [];
  return JSON.parse(fs.readFileSync(file, "utf8")).testResults.map((suite) => {
    const count = (...states) => suite.assertionResults.filter((test) => states.includes(test.status)).length;
    const failed = count("failed");
    return {
      name: path.relative(root, suite.name),
      ms: suite.endTime - suite.startTime,
      passed: count("passed"),
      // A file that could not even be loaded has no tests to fail.
      failed: failed === 0 && suite.status === "failed" ? 1 : failed,
      skipped: count("pending", "skipped", "todo", "disabled"),
    };
  });
}
