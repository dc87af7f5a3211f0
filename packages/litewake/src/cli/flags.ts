// Flags as Go's `flag` package has them: one dash or two, `-name=value` or `-name value`; and, better, anywhere in the line.
import { LitewakeError } from "@litewake/core";
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

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** Parses what follows the command's name. `--` ends the flags. */
export function parseFlags(command: string, specs: FlagSpecs, args: readonly string[]): ParsedArguments {
  const values = new Map<string, string>();
  const positional: string[] = [];
  let help = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--") {
      positional.push(...args.slice(i + 1));
      break;
    }
    if (!/^--?[A-Za-z]/.test(arg)) {
      positional.push(arg);
      continue;
    }
    const [, name = "", , inline] = /^--?([^=]+)(=(.*))?$/s.exec(arg) ?? [];
    if (name === "h" || name === "help") {
      help = true;
      continue;
    }
    const spec = specs[name];
    if (spec === undefined) throw unknownFlag(command, specs, name);
    if (spec.kind === "boolean") values.set(name, booleanOf(name, inline ?? "true"));
    else if (inline !== undefined) values.set(name, inline);
    else if (i + 1 < args.length) values.set(name, args[++i] ?? "");
    else throw new LitewakeError("usage", `flag -${name} needs a value`, { next: `litewake ${command} -h` });
  }
  return {
    help,
    positional,
    string: (name) => values.get(name),
    boolean: (name) => values.get(name) === "true",
  };
}

function booleanOf(name: string, text: string): string {
  if (TRUE.has(text)) return "true";
  if (FALSE.has(text)) return "false";
  throw new LitewakeError("usage", `flag -${name}: ${JSON.stringify(text)} is neither true nor false`);
}

function unknownFlag(command: string, specs: FlagSpecs, name: string): LitewakeError {
  const meant = likely(name, Object.keys(specs));
  return new LitewakeError("usage", `unknown flag -${name}`, {
    next: meant === undefined ? `litewake ${command} -h` : `did you mean -${meant}?`,
  });
}

/** The flags of a command, aligned, for its help. */
export function describeFlags(specs: FlagSpecs): string {
  const rows = Object.entries(specs).map(([name, { value, help }]) => [`-${name}${value === undefined ? "" : ` ${value}`}`, help] as const);
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`).join("\n");
}
