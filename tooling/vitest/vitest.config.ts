// One configuration for all packages. Tests run on the sources (the "@litewake/source" condition), without a build;
// those that start the command line or another process run what was built, as users do.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
// Not "module": that is for bundlers, and Node itself would not take it.
const source = ["@litewake/source", "node", "import", "default"];

/** A test file's suffix says what it needs; each need is a project, so that its time is printed apart. */
function project(name: string, include: string[], timeoutMs: number, exclude: string[] = []) {
  return {
    root,
    resolve: { conditions: source },
    ssr: { resolve: { conditions: source } },
    test: {
      name,
      include,
      exclude: ["**/node_modules/**", "**/dist/**", ...exclude],
      testTimeout: timeoutMs,
      hookTimeout: 120_000,
      pool: "forks" as const,
      env: { FORCE_COLOR: "0", LITEWAKE_LOG_TYPE: "text" },
    },
  };
}

const places = (suffix: string) => [`packages/*/test/**/*${suffix}`, `tooling/*/test/**/*${suffix}`];

export default defineConfig({
  root,
  test: {
    projects: [
      project("unit", places(".test.ts"), 20_000, [
        "**/*.process.test.ts",
        "**/*.interop.test.ts",
        "**/*.crash.test.ts",
        "**/*.emulator.test.ts",
        "**/*.large.test.ts",
        "**/*.faults.test.ts",
      ]),
      project("process", places(".process.test.ts"), 60_000),
      project("emulator", places(".emulator.test.ts"), 120_000),
      project("interop", places(".interop.test.ts"), 120_000),
      project("crash", places(".crash.test.ts"), 180_000),
      project("faults", places(".faults.test.ts"), 240_000),
      project("large", places(".large.test.ts"), 240_000),
    ],
  },
});
