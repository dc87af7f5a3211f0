// Verification from an application.
import { type FleetVerifyReport, LitewakeError, type Logger, silent } from "@litewake/core";
import { openReplica } from "../backends.ts";
import { DEFAULT_PATIENCE_MS, patient } from "../cli/patience.ts";
import { verifyDatabases } from "../fleet/verifying.ts";
import { configurationOf, type ReplicationSettings, sourceOf } from "./options.ts";

export interface VerifyOptions {
  /** Objects fetched at the same time, over all databases; default 64. */
  readonly parallelism?: number;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
}

/**
 * `settings` as of `replicate`. Reads everything in the replica once and proves it; writes nothing. Damage is in the report
 * (`sound`, `findings`). Rejects with a `LitewakeError`: `usage`, `no-backup`, `unreachable`, `aborted`.
 */
export async function verify(
  settings: ReplicationSettings | string,
  options: VerifyOptions = {},
): Promise<FleetVerifyReport> {
  const { logger = silent, ...how } = options;
  const config = configurationOf(sourceOf(settings, "verify()"));
  const { fleet } = config;
  if (fleet === undefined)
    throw new LitewakeError("usage", "replication is switched off (enabled: false)", {
      next: "leave enabled out to verify",
    });
  const client = await openReplica(fleet.root, process.env, { packages: config.backends, from: [process.cwd()] });
  try {
    return await verifyDatabases({
      fleet,
      client: patient(client, DEFAULT_PATIENCE_MS, (line) => logger("warn", line)),
      ...how,
    });
  } finally {
    await client.close();
  }
}
