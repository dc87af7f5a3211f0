// Fetches one thing that tests need and that takes long, so that it can go on while others run: `prefetch.ts NAME`.
import { litestream } from "./litestream-binary.ts";
import { sqliteShell } from "./sqlite-shell.ts";

const things: Readonly<Record<string, () => Promise<string>>> = {
  "litestream-0.3.13": () => litestream("0.3.13"),
  "litestream-0.5.17": () => litestream("0.5.17"),
  "sqlite3-shell": () => sqliteShell(),
};

const name = process.argv[2] ?? "";
const fetch = things[name];
if (fetch === undefined) {
  process.stderr.write(`usage: prefetch.ts ${Object.keys(things).join("|")}\n`);
  process.exit(2);
}
try {
  process.stdout.write(`${await fetch()}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
