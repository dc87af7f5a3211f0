// Flags of the commands that read a replica.
import { type Generation, isGeneration, LitewakeError } from "@litewake/core";
import type { FlagSpecs, ParsedArguments } from "./flags.ts";

export const PARALLELISM_FLAG: FlagSpecs = {
  parallelism: { kind: "string", value: "N", help: "objects fetched at the same time (default 48)" },
};

/** `-parallelism`; undefined: the default. */
export function parallelismOf(flags: ParsedArguments): number | undefined {
  const given = flags.string("parallelism");
  if (given === undefined) return undefined;
  const parallelism = /^\d+$/.test(given) ? Number(given) : 0;
  if (parallelism >= 1 && parallelism <= 1000) return parallelism;
  throw new LitewakeError("usage", `-parallelism: ${JSON.stringify(given)} is no number from 1 to 1000`);
}

/** `-generation`; undefined where it was not given. */
export function generationOf(flags: ParsedArguments): Generation | undefined {
  const given = flags.string("generation");
  if (given === undefined || isGeneration(given)) return given;
  throw new LitewakeError("usage", `-generation: ${JSON.stringify(given)} is no generation`, {
    next: "16 hexadecimal digits, as `litewake generations` lists them",
  });
}
