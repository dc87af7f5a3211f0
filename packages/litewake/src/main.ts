// The command line's entry: finds the command, runs it, and answers with its exit code and, on failure, one line.
import { COMMANDS, commandHelp, generalHelp } from "./cli/help.ts";

async function main(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  if (name === "" || ["help", "-h", "--help", "-help"].includes(name)) {
    const text = await generalHelp();
    // Without a command nothing was asked for: that is a mistake; asking for help is none.
    if (name === "") process.stderr.write(text);
    else process.stdout.write(text);
    return name === "" ? 2 : 0;
  }
  const load = COMMANDS[name];
  if (load === undefined) {
    const { likely } = await import("./config/likely.ts");
    const meant = likely(name, Object.keys(COMMANDS));
    process.stderr.write(`litewake: unknown command ${JSON.stringify(name)}: ${meant === undefined ? "see litewake -h" : `did you mean ${meant}?`}\n`);
    return 2;
  }
  const command = await load();
  const { parseFlags } = await import("./cli/flags.ts");
  const flags = parseFlags(name, command.flags, rest);
  if (flags.help) {
    process.stdout.write(commandHelp(command));
    return 0;
  }
  return command.run(flags);
}

async function fail(error: unknown): Promise<number> {
  const { exitCodeOf, lineOf } = await import("./cli/exit-code.ts");
  process.stderr.write(`litewake: ${lineOf(error)}\n`);
  if (process.env["LITEWAKE_TRACE"] === "1" && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  return exitCodeOf(error);
}

// Not process.exit(): output on a pipe is written later than it is asked for.
process.exitCode = await main(process.argv.slice(2)).catch(fail);
