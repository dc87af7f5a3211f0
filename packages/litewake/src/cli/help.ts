// The commands by name, and the help texts. Loads no command before it is asked for.
import type { Command } from "./command.ts";
import { describeFlags } from "./flags.ts";

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const COMMANDS: ReadonlyMap<string, CommandEntry> = new Map([
  [
    "replicate",
    {
      summary: "ship every commit of databases to their replicas",
      load: async () => (await import("./commands/replicate.ts")).replicate,
    },
  ],
  [
    "restore",
    { summary: "restore a database from a replica", load: async () => (await import("./commands/restore.ts")).restore },
  ],
  [
    "verify",
    {
      summary: "prove that everything in a replica can be restored",
      load: async () => (await import("./commands/verify.ts")).verify,
    },
  ],
  [
    "databases",
    {
      summary: "list the databases of the configuration",
      load: async () => (await import("./commands/databases.ts")).databases,
    },
  ],
  [
    "generations",
    {
      summary: "list the generations of replicas, and their lag",
      load: async () => (await import("./commands/generations.ts")).generations,
    },
  ],
  [
    "snapshots",
    {
      summary: "list the snapshots of replicas",
      load: async () => (await import("./commands/snapshots.ts")).snapshots,
    },
  ],
  ["wal", { summary: "list the WAL segments of replicas", load: async () => (await import("./commands/wal.ts")).wal }],
  [
    "status",
    {
      summary: "tell how replication is doing: state, lag, positions",
      load: async () => (await import("./commands/status.ts")).status,
    },
  ],
  [
    "point",
    {
      summary: "take a named restore point over all databases of a fleet",
      load: async () => (await import("./commands/point.ts")).point,
    },
  ],
  [
    "points",
    { summary: "list the restore points of a fleet", load: async () => (await import("./commands/point.ts")).points },
  ],
  [
    "pin",
    {
      summary: "keep a restore point however old it becomes",
      load: async () => (await import("./commands/pin.ts")).pin,
    },
  ],
  [
    "unpin",
    {
      summary: "let retention have a restore point again",
      load: async () => (await import("./commands/pin.ts")).unpin,
    },
  ],
  [
    "reshard",
    {
      summary: "spread a fleet's rows over another number of shards, offline",
      load: async () => (await import("./commands/reshard.ts")).reshard,
    },
  ],
  [
    "retention",
    {
      summary: "tell what retention would delete",
      load: async () => (await import("./commands/retention.ts")).retention,
    },
  ],
  [
    "doctor",
    {
      summary: "look for what would go wrong: stores, databases, versions",
      load: async () => (await import("./commands/doctor.ts")).doctor,
    },
  ],
  [
    "check",
    {
      summary: "prove that a store keeps every promise that a replica needs",
      load: async () => (await import("./commands/check.ts")).check,
    },
  ],
  [
    "init",
    {
      summary: "be the first process of a container: run a command, wait for what it leaves behind",
      load: async () => (await import("./commands/init.ts")).init,
    },
  ],
  ["version", { summary: "print the version", load: async () => (await import("./commands/version.ts")).version }],
]);

export function generalHelp(): string {
  const lines = [...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(13)}${summary}`);
  return `litewake ships every commit of SQLite databases to a replica, and restores them to any moment.

usage: litewake COMMAND [flags] [arguments]

commands:
${lines.join("\n")}

litewake COMMAND -h tells more about one. Flags take one dash or two, before or after the arguments.
`;
}

export function commandHelp(name: string, command: Command): string {
  const usage = command.usage.map((line) => `usage: litewake ${line}`).join("\n");
  const notes = command.notes === undefined ? "" : `\n${command.notes}\n`;
  return `litewake ${name}: ${COMMANDS.get(name)?.summary ?? ""}\n\n${usage}\n\nflags:\n${describeFlags(command.flags)}\n${notes}`;
}
