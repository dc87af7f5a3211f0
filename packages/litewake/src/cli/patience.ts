// A store that does not answer is asked again for a while, and the person at the terminal hears of it.
import { LitewakeError } from "@litewake/core";
import { type ReplicaClient, retrying } from "@litewake/core/backend";
import { parseDuration } from "../config/duration.ts";
import type { FlagSpecs, ParsedArguments } from "./flags.ts";

const DEFAULT_PATIENCE = "60s";
export const DEFAULT_PATIENCE_MS = 60_000;
/** Between two tries. */
const LONGEST_WAIT_MS = 5000;
/** The same complaint is not repeated before this. */
const QUIET_MS = 10_000;

export const PATIENCE_FLAG: FlagSpecs = {
  patience: {
    kind: "string",
    value: "DURATION",
    help: `ask a store that does not answer again for so long (default ${DEFAULT_PATIENCE}; 0: once)`,
  },
};

/** Milliseconds of patience. */
export function patienceOf(flags: ParsedArguments): number {
  const given = flags.string("patience") ?? DEFAULT_PATIENCE;
  const ms = parseDuration(given);
  if (ms !== undefined && ms >= 0) return ms;
  throw new LitewakeError("usage", `-patience: ${JSON.stringify(given)} is no duration`, {
    next: "write it as 30s, 5m or 0",
  });
}

/** The client, asked again for `patienceMs` after the last progress; what broke in the middle goes on where it was. */
export function patient(client: ReplicaClient, patienceMs: number, tell: (line: string) => void): ReplicaClient {
  if (patienceMs === 0) return client;
  let toldAt = -Infinity;
  return retrying(client, {
    attempts: Infinity,
    totalMs: patienceMs,
    maxDelayMs: LONGEST_WAIT_MS,
    onRetry: ({ error, attempt }) => {
      // The first failure is mostly mended by the second try.
      if (attempt < 2 || performance.now() - toldAt < QUIET_MS) return;
      toldAt = performance.now();
      tell(`${client.url}: ${error.message}; trying again for up to ${Math.round(patienceMs / 1000)} s`);
    },
  });
}
