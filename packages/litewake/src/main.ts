// The command line's entry: finds the command, runs it, and answers with its exit code and, on failure, one line.
import { commandHelp, COMMANDS, generalHelp } from "./cli/help.ts";

const HELP = ["help", "-h", "--help", "-help"];
const VERSION = ["-v", "-version", "--version"];
const USAGE = 2;

async function main(args: readonly string[]): Promise<number> {
  const [first = "", ...rest] = args;
  if (first === "") {
    // Nothing was asked for: that is a mistake; asking for help is none.
    process.stderr.write(generalHelp());
    return USAGE;
  }
  const about = HELP.includes(first);
  if (about && rest[0] === undefined) {
    process.stdout.write(generalHelp());
    return 0;
  }
  const name = about ? (rest[0] ?? "") : VERSION.includes(first) ? "version" : first;
  const entry = COMMANDS.get(name);
  if (entry === undefined) return mistake(await unknownCommand(name));
  const command = await entry.load();
  const { parseFlags } = await import("./cli/flags.ts");
  const flags = parseFlags(name, command.flags, about ? ["-h"] : rest);
  if ("mistake" in flags) return mistake(flags.mistake);
  if (flags.help) {
    process.stdout.write(commandHelp(name, command));
    return 0;
  }
  return command.run(flags);
}

async function unknownCommand(name: string): Promise<string> {
  const { likely } = await import("./config/likely.ts");
  const meant = likely(name, COMMANDS.keys());
  return `unknown command ${JSON.stringify(name)}: ${meant === undefined ? "see litewake -h" : `did you mean ${meant}?`}`;
}

function mistake(line: string): number {
  process.stderr.write(`litewake: ${line}\n`);
  return USAGE;
}

async function fail(error: unknown): Promise<number> {
  const { exitCodeOf, lineOf } = await import("./cli/exit-code.ts");
  process.stderr.write(`litewake: ${lineOf(error)}\n`);
  if (process.env["LITEWAKE_TRACE"] === "1" && error instanceof Error) {
    const { withoutSecrets } = await import("@litewake/core/backend");
    process.stderr.write(`${withoutSecrets(error.stack ?? "")}\n`);
  }
  return exitCodeOf(error);
}

// Whoever reads the output may leave early, as `head` does; replication goes on without its log.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

// Not process.exit(): output on a pipe is written later than it is asked for.
process.exitCode = await main(process.argv.slice(2)).catch(fail);
