// What every command of the line is: its flags, its help, and what it does.
import type { FlagSpecs, ParsedArguments } from "./flags.ts";

export interface Command {
  /** One usage line per form, without the program's name. */
  readonly usage: readonly string[];
  readonly flags: FlagSpecs;
  /** More for the help text. */
  readonly notes?: string;
  /** Resolves with the exit code; failures are thrown. */
  run(flags: ParsedArguments): Promise<number>;
}

/** Writes to standard output. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** Writes a line for the person at the terminal, apart from a command's output. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export const JSON_FLAG: FlagSpecs = { json: { kind: "boolean", help: "print JSON instead of a table" } };

/** JSON output is versioned: `version: 1` and the command's own fields. */
export function printJson(fields: object): void {
  print(`${JSON.stringify({ version: 1, ...fields }, null, 2)}\n`);
}
