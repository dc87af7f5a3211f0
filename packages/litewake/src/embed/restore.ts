// Restoring from an application, without replication.
import { type FleetRestoreResult, LitewakeError, type Logger, silent } from "@litewake/core";
import { openReplica } from "../backends.ts";
import { DEFAULT_PATIENCE_MS, patient } from "../cli/patience.ts";
import { restoreDatabases } from "../fleet/restoring.ts";
import { configurationOf, type ReplicationSettings, sourceOf } from "./options.ts";

export interface RestoreOptions {
  /** All databases as they were at the newest restore point at or before this time. */
  readonly timestamp?: Date;
  /** All databases as they were at this restore point. */
  readonly point?: string;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
}

/**
 * `settings` as of `replicate`. Restores the databases that are missing; with a time or a point all of them, which then must not be there. All or nothing.
 * Rejects with a `LitewakeError`: `usage`, `no-backup` (a point that is not there), `unreachable`, `damaged`, `refused`, `database`.
 */
export async function restore(
  settings: ReplicationSettings | string,
  options: RestoreOptions = {},
): Promise<FleetRestoreResult> {
  const { timestamp, point: name, signal = new AbortController().signal, logger = silent } = options;
  const config = configurationOf(sourceOf(settings, "restore()"));
  const { fleet } = config;
  if (fleet === undefined)
    throw new LitewakeError("usage", "replication is switched off (enabled: false)", {
      next: "leave enabled out to restore",
    });
  const client = await openReplica(fleet.root, process.env, { packages: config.backends, from: [process.cwd()] });
  try {
    return await restoreDatabases({
      fleet,
      client: patient(client, DEFAULT_PATIENCE_MS, (line) => logger("warn", line)),
      target: name === undefined && timestamp === undefined ? undefined : { name, timestamp },
      signal,
      logger,
    });
  } finally {
    await client.close();
  }
}
