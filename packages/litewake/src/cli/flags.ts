// Flags as Go's `flag` package has them: one dash or two, `-name=value` or `-name value`; and, better, anywhere in the line.
// Imports nothing of core, so that `litewake version` loads no SQLite.
import { likely } from "../config/likely.ts";

export interface FlagSpec {
  readonly kind: "boolean" | "string";
  /** For the help text: what the value is. */
  readonly value?: string;
  readonly help: string;
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export interface ParsedArguments {
  /** Whether help was asked for. */
  readonly help: boolean;
  readonly positional: readonly string[];
  string(name: string): string | undefined;
  boolean(name: string): boolean;
}

/** What is wrong with the line, for a person. */
export interface FlagMistake {
  readonly mistake: string;
}

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** Parses what follows the command's name. `--` ends the flags. */
export function parseFlags(command: string, specs: FlagSpecs, args: readonly string[]): ParsedArguments | FlagMistake {
  const values = new Map<string, string>();
  const positional: string[] = [];
  let help = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--") {
      positional.push(...args.slice(i + 1));
      break;
    }
    const flag = /^--?([A-Za-z][^=]*)(?:=(.*))?$/s.exec(arg);
    if (flag === null) {
      positional.push(arg);
      continue;
    }
    const [, name = "", inline] = flag;
    if (name === "h" || name === "help") {
      help = true;
      continue;
    }
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (spec === undefined) return unknownFlag(command, specs, name);
    if (spec.kind === "boolean") {
      const value = booleanOf(inline ?? "true");
      if (value === undefined) return { mistake: `flag -${name}: ${JSON.stringify(inline)} is neither true nor false` };
      values.set(name, value);
    } else if (inline !== undefined) values.set(name, inline);
    else if (i + 1 < args.length) values.set(name, args[++i] ?? "");
    else return { mistake: `flag -${name} needs a value: litewake ${command} -h` };
  }
  return {
    help,
    positional,
    string: (name) => values.get(name),
    boolean: (name) => values.get(name) === "true",
  };
}

function booleanOf(text: string): "true" | "false" | undefined {
  if (TRUE.has(text)) return "true";
  return FALSE.has(text) ? "false" : undefined;
}

function unknownFlag(command: string, specs: FlagSpecs, name: string): FlagMistake {
  const meant = likely(name, Object.keys(specs));
  return {
    mistake: `unknown flag -${name}: ${meant === undefined ? `litewake ${command} -h` : `did you mean -${meant}?`}`,
  };
}

/** The flags of a command, aligned, for its help. */
export function describeFlags(specs: FlagSpecs): string {
  const rows = Object.entries(specs).map(
    ([name, { value, help }]) => [`-${name}${value === undefined ? "" : ` ${value}`}`, help] as const,
  );
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`).join("\n");
}
