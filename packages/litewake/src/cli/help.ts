// The help texts.
import type { Command } from "./command.ts";
import { describeFlags } from "./flags.ts";

/** Loads the command of that name; each is loaded only when it is asked for. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  replicate: async () => (await import("./commands/replicate.ts")).replicate,
  restore: async () => (await import("./commands/restore.ts")).restore,
  databases: async () => (await import("./commands/databases.ts")).databases,
  generations: async () => (await import("./commands/generations.ts")).generations,
  snapshots: async () => (await import("./commands/snapshots.ts")).snapshots,
  wal: async () => (await import("./commands/wal.ts")).wal,
  version: async () => (await import("./commands/version.ts")).version,
};

export async function generalHelp(): Promise<string> {
  const lines = [];
  for (const [name, load] of Object.entries(COMMANDS)) lines.push(`  ${name.padEnd(12)}${(await load()).summary}`);
  return `litewake ships every commit of SQLite databases to a replica, and restores them to any moment.

usage: litewake COMMAND [flags] [arguments]

commands:
${lines.join("\n")}

litewake COMMAND -h tells more about one. Flags take one dash or two, before or after the arguments.
`;
}

export function commandHelp(command: Command): string {
  const usage = command.usage.map((line) => `usage: litewake ${line}`).join("\n");
  const notes = command.notes === undefined ? "" : `\n${command.notes}\n`;
  return `litewake ${command.usage[0]?.split(" ")[0] ?? ""}: ${command.summary}\n\n${usage}\n\nflags:\n${describeFlags(command.flags)}\n${notes}`;
}
