// Paths as people write them in a configuration and on the command line.
import os from "node:os";
import path from "node:path";

export interface PathContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `~/` is the home folder; a relative path begins at the working directory, as in Litestream. */
export function absolute(given: string, { cwd, env }: PathContext): string {
  const home = homeOf(env);
  if (given === "~") return home;
  return path.resolve(cwd, given.startsWith("~/") ? path.join(home, given.slice(2)) : given);
}

export function homeOf(env: PathContext["env"]): string {
  const home = env["HOME"];
  return home === undefined || home === "" ? os.homedir() : home;
}
