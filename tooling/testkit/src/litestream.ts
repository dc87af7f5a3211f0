// Runs stock Litestream: to its end, as a restorer, and as a replicator beside a test.
import fs from "node:fs";
import { litestream, type LitestreamVersion } from "./litestream-binary.ts";
import { ManagedProcess, type SpawnOptions } from "./managed-process.ts";
import { type RunOptions, type RunResult, runToEnd } from "./run-to-end.ts";
import { tempDir } from "./temp-dir.ts";

export interface LitestreamOptions extends RunOptions {
  /** The text of a litestream.yml, given to the command as `-config`. */
  readonly config?: string | undefined;
}

export interface ReplicateOptions extends SpawnOptions {
  /** Default 100. */
  readonly syncIntervalMs?: number | undefined;
  /** More settings of the replica, each a line of YAML such as `retention: 1h`. */
  readonly replicaSettings?: readonly string[] | undefined;
  /** More settings of the database, each a line of YAML such as `checkpoint-interval: 1s`. */
  readonly databaseSettings?: readonly string[] | undefined;
}

// Where AWS_CA_BUNDLE is set, 0.5.17 cannot start its S3 client.
const withoutBundle = { AWS_CA_BUNDLE: undefined };

/** `litestream ARGS`; an exit code other than 0 is a result. */
export async function runLitestream(
  version: LitestreamVersion,
  args: readonly string[],
  options: LitestreamOptions = {},
): Promise<RunResult> {
  const binary = await litestream(version);
  const env = { ...withoutBundle, ...options.env };
  if (options.config === undefined) return await runToEnd(binary, args, { ...options, env });
  // Not `using`: the testkit's own sources also run on Node 22, which does not know it.
  const folder = tempDir("litestream");
  try {
    const file = folder.join("litestream.yml");
    fs.writeFileSync(file, options.config);
    const [command = "", ...rest] = args;
    return await runToEnd(binary, [command, "-config", file, ...rest], { ...options, env });
  } finally {
    folder.remove();
  }
}

/** Restores a replica (URL or folder) to `output`; fails, with what Litestream said, unless it exits 0 and the file is there. */
export async function restoreWith(
  version: LitestreamVersion,
  replica: string,
  output: string,
  flags: readonly string[] = [],
  options: RunOptions = {},
): Promise<void> {
  const result = await runLitestream(version, ["restore", ...flags, "-o", output, replicaUrl(replica)], options);
  if (result.code !== 0 || !fs.existsSync(output)) {
    throw new Error(
      `Litestream ${version} did not restore ${replica} (exit ${result.code}):\n${result.stdout}${result.stderr}`,
    );
  }
}

/** Litestream follows `database` into `folder`; resolves once it runs. Stop it with `stop()`. */
export async function startLitestreamReplicate(
  version: LitestreamVersion,
  database: string,
  folder: string,
  options: ReplicateOptions = {},
): Promise<ManagedProcess> {
  const binary = await litestream(version);
  const yaml = tempDir("litestream");
  const file = yaml.join("litestream.yml");
  fs.writeFileSync(file, configFor(version, database, folder, options));
  const running = new ManagedProcess(binary, ["replicate", "-config", file], {
    ...options,
    env: { ...withoutBundle, ...options.env },
  });
  void running.ended.then(() => yaml.remove());
  await running.waitFor(/replicating to/);
  return running;
}

function configFor(version: LitestreamVersion, database: string, folder: string, options: ReplicateOptions): string {
  const replica = [
    "type: file",
    `path: ${folder}`,
    `sync-interval: ${options.syncIntervalMs ?? 100}ms`,
    ...(options.replicaSettings ?? []),
  ];
  const lines = [
    "dbs:",
    `  - path: ${database}`,
    `    monitor-interval: ${options.syncIntervalMs ?? 100}ms`,
    ...(options.databaseSettings ?? []).map((line) => `    ${line}`),
    ...(version === "0.3.13"
      ? ["    replicas:", ...replica.map((line, i) => `      ${i === 0 ? "- " : "  "}${line}`)]
      : ["    replica:", ...replica.map((line) => `      ${line}`)]),
  ];
  return `${lines.join("\n")}\n`;
}

function replicaUrl(replica: string): string {
  return /^\w+:\/\//.test(replica) ? replica : `file://${replica}`;
}
