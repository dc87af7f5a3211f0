// `litewake version`: loads nothing of core, so that it answers even where SQLite is missing or too old.
import { createRequire } from "node:module";
import { type Command, JSON_FLAG, print, printJson } from "../command.ts";

export function packageVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)("litewake/package.json");
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}

export const version: Command = {
  usage: ["version [-json]"],
  flags: JSON_FLAG,
  async run(flags) {
    if (flags.boolean("json"))
      printJson({ litewake: packageVersion(), node: process.versions.node, sqlite: process.versions["sqlite"] });
    else print(`litewake ${packageVersion()}\n`);
    return 0;
  },
};
