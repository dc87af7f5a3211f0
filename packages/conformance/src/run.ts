// Runs cases without a test runner: for the command line, for registrars, and for the kit's own tests.
import type { ReplicaClient } from "@litewake/core/backend";
import type { CaseContext, ConformanceCase, Need } from "./case.ts";
import { conformanceCases } from "./cases.ts";
import { canCollect } from "./live-memory.ts";
import type { ConformanceOptions, Subject } from "./subject.ts";

export type CaseOutcome =
  | { readonly outcome: "passed"; readonly seconds: number }
  | { readonly outcome: "failed"; readonly seconds: number; readonly error: unknown }
  /** Not run, and why: a skip is always declared. */
  | { readonly outcome: "skipped"; readonly reason: string };

export type CaseResult = CaseOutcome & { readonly id: string; readonly promise: string };

export interface ConformanceReport {
  readonly subject: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly CaseResult[];
}

export interface RunOptions extends ConformanceOptions {
  /** Called after each case, in order. */
  readonly onResult?: (result: CaseResult) => void;
  /** Ends the run before the next case. */
  readonly signal?: AbortSignal;
}

/** Smallest big object for which a measurement of memory says anything. */
const MEMORY_NEEDS_BYTES = 64 << 20;
const DEFAULT_BIG_BYTES = 100 << 20;

/** Runs the whole kit, one case after the other; never rejects for a failing case. */
export async function runConformance(subject: Subject, options: RunOptions = {}): Promise<ConformanceReport> {
  const results: CaseResult[] = [];
  try {
    for (const testCase of selectCases(subject, options)) {
      if (options.signal?.aborted === true) break;
      const result = { id: testCase.id, promise: testCase.promise, ...(await runCase(testCase, subject, options)) };
      results.push(result);
      options.onResult?.(result);
    }
  } finally {
    await subject.cleanup?.();
  }
  const count = (outcome: CaseResult["outcome"]) => results.filter((result) => result.outcome === outcome).length;
  return {
    subject: subject.name,
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("skipped"),
    results,
  };
}

/** The cases to run. An unknown id in `only` or in the subject's `skips` is an error: a typing mistake skips nothing. */
export function selectCases(subject: Subject, options: ConformanceOptions): readonly ConformanceCase[] {
  const known = new Set(conformanceCases.map(({ id }) => id));
  for (const id of [...Object.keys(subject.skips ?? {}), ...(options.only ?? [])]) {
    if (!known.has(id)) throw new TypeError(`the conformance kit has no case ${id}`);
  }
  return options.only === undefined
    ? conformanceCases
    : conformanceCases.filter(({ id }) => options.only?.includes(id));
}

/** Runs one case with clients of its own, and closes them. */
export async function runCase(
  testCase: ConformanceCase,
  subject: Subject,
  options: ConformanceOptions = {},
): Promise<CaseOutcome> {
  const declared = subject.skips?.[testCase.id];
  if (declared !== undefined) return { outcome: "skipped", reason: declared };
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  const clients: ReplicaClient[] = [];
  const open = async (): Promise<ReplicaClient> => {
    const client = await subject.open();
    clients.push(client);
    return client;
  };
  try {
    const client = await open();
    const context: CaseContext = {
      subject,
      client,
      open,
      bigBytes: options.bigBytes ?? DEFAULT_BIG_BYTES,
      patienceMs: options.patienceMs ?? 10_000,
      pagesAbove: subject.pagesAbove ?? 1000,
    };
    const missing = testCase.needs.map((need) => unmet(need, context)).find((reason) => reason !== undefined);
    if (missing !== undefined) return { outcome: "skipped", reason: missing };
    await testCase.run(context);
    return { outcome: "passed", seconds: seconds() };
  } catch (error) {
    return { outcome: "failed", seconds: seconds(), error };
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()));
  }
}

function unmet(need: Need, { client, subject, bigBytes }: CaseContext): string | undefined {
  const met: Record<Need, boolean> = {
    putIfAbsent: client.capabilities.putIfAbsent,
    noPutIfAbsent: !client.capabilities.putIfAbsent,
    denied: subject.denied !== undefined,
    secrets: (subject.secrets ?? []).length > 0,
    gc: canCollect(),
    bigEnough: bigBytes >= MEMORY_NEEDS_BYTES,
  };
  return met[need] ? undefined : reasons[need];
}

const reasons: Record<Need, string> = {
  putIfAbsent: "the client declares no conditional put",
  noPutIfAbsent: "the client declares a conditional put, which is tested instead",
  denied: "the subject has no client with wrong credentials",
  secrets: "the subject names no secrets",
  gc: "this runtime cannot collect garbage on demand",
  bigEnough: "the big object is smaller than 64 MiB, too small to tell memory from noise",
};
