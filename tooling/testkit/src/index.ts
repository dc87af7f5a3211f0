// The testkit's face.
export {
  type CheckpointReport,
  Companion,
  cpuHogs,
  phantomCommit,
  spawnCheckpointer,
  spawnDataVersionWatcher,
  spawnLongReader,
  spawnWorkload,
  type WorkloadOptions,
} from "./attack.ts";
export { compareDatabases } from "./compare.ts";
export { type LedgerProof, verifyLedger } from "./ledger.ts";
export { litestream, type LitestreamVersion, litestreamVersions } from "./litestream-binary.ts";
export {
  type LitestreamOptions,
  type ReplicateOptions,
  restoreWith,
  runLitestream,
  startLitestreamReplicate,
} from "./litestream.ts";
export { litewakeBinary, runLitewake, spawnLitewake } from "./litewake.ts";
export { ManagedProcess, type ProcessEnd, type SpawnOptions } from "./managed-process.ts";
export { lookInto } from "./private-copy.ts";
export { cacheFolder, repositoryRoot } from "./repository.ts";
export { type RunOptions, type RunResult, runToEnd } from "./run-to-end.ts";
export { sqliteShell } from "./sqlite-shell.ts";
export { memoryBackedDir, type TempDir, tempDir } from "./temp-dir.ts";
export { spawnWriter, Writer, type WriterKind, writerKinds, type WriterOptions, type WriterReport } from "./writer.ts";
export { judgeShards, keysIn, shardedWriterCommand, type ShardVerdict, spawnShardedWriter } from "./sharded.ts";
