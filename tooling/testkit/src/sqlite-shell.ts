// The sqlite3 shell: the machine's own, or one built once from the amalgamation that the npm package "sqlite3" carries.
import fs from "node:fs";
import path from "node:path";
import { fetchOnce } from "./fetch-once.ts";
import { runToEnd } from "./run-to-end.ts";

const CARRIER = "sqlite3@6.0.1";

/** The path of a `sqlite3` binary. Without one on PATH the first call compiles for about half a minute. */
export async function sqliteShell(): Promise<string> {
  const installed = onPath("sqlite3");
  return installed ?? (await fetchOnce("sqlite/sqlite3", buildShell));
}

function onPath(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file));
}

/** Only the sources are taken: `npm pack` fetches the package and runs nothing of it. */
export async function buildShell(scratch: string): Promise<string> {
  await must("npm", ["pack", "--silent", CARRIER], scratch);
  const carrier = only(scratch, ".tgz");
  await must("tar", ["xzf", carrier], scratch);
  const sources = path.join(scratch, "package/deps");
  await must("tar", ["xzf", only(sources, ".tar.gz")], sources);
  const amalgamation = fs
    .readdirSync(sources)
    .find((name) => name.startsWith("sqlite-autoconf-") && !name.endsWith(".gz"));
  if (amalgamation === undefined) throw new Error(`${CARRIER} carries no amalgamation of SQLite`);
  const options = ["-O1", "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-o", "sqlite3"];
  await must("cc", [...options, "shell.c", "sqlite3.c", "-lm"], path.join(sources, amalgamation));
  return path.join(sources, amalgamation, "sqlite3");
}

function only(folder: string, ending: string): string {
  const found = fs.readdirSync(folder).find((name) => name.endsWith(ending));
  if (found === undefined) throw new Error(`no *${ending} in ${folder}`);
  return found;
}

async function must(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { code, stdout, stderr } = await runToEnd(command, args, { cwd, timeoutMs: 10 * 60_000 });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${`${stdout}${stderr}`.trim()}`);
}
