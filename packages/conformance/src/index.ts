// The conformance kit: what any ReplicaClient must keep, as data. Registrars: `./vitest` and `./node-test`.
export type { CaseContext, ConformanceCase, Need } from "./case.ts";
export { conformanceCases } from "./cases.ts";
export { MemoryClient, memoryClient, type MemoryClientOptions, type StoredObject } from "./memory-client.ts";
export {
  type CaseOutcome,
  type CaseResult,
  type ConformanceReport,
  runCase,
  runConformance,
  type RunOptions,
} from "./run.ts";
export type { ConformanceOptions, Subject } from "./subject.ts";
