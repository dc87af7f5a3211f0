// What `generations`, `snapshots` and `wal` share: the catalogs of the replicas that one argument means.
import { type Catalog, LitewakeError, readCatalog } from "@litewake/core";
import { ReplicaError } from "@litewake/core/backend";
import { lineOf } from "../exit-code.ts";
import { note } from "../command.ts";
import type { FlagSpecs, ParsedArguments } from "../flags.ts";
import { patient, PATIENCE_FLAG, patienceOf } from "../patience.ts";
import { CONFIG_FLAGS, oneArgument, openTarget, targetOf } from "../targets.ts";

export const LISTING_FLAGS: FlagSpecs = {
  ...CONFIG_FLAGS,
  replica: { kind: "string", value: "NAME", help: "only this replica of the database" },
  ...PATIENCE_FLAG,
  json: { kind: "boolean", help: "print JSON instead of a table" },
};

export interface ListedReplica {
  readonly name: string;
  readonly database: string | undefined;
  readonly catalog: Catalog;
}

/** Lists every replica; one that fails is named on standard error. Throws when all fail. */
export async function listReplicas(flags: ParsedArguments, command: string): Promise<ListedReplica[]> {
  const patienceMs = patienceOf(flags);
  const replicas = await openTarget(await targetOf(flags, oneArgument(flags, command)));
  const listed: ListedReplica[] = [];
  let failure: unknown;
  for (const { name, client, database } of replicas) {
    try {
      const catalog = await readCatalog(patient(client, patienceMs, (line) => note(`litewake: ${line}`)));
      if (catalog.ltx && catalog.generations.length === 0) {
        throw new LitewakeError("usage", `${client.url} holds Litestream 0.5 LTX files, which Litewake does not read`, {
          next: "list and restore it with litestream 0.5",
        });
      }
      listed.push({ name, database, catalog });
    } catch (caught) {
      const error = ReplicaError.is(caught) ? unreachable(client.url, caught) : caught;
      failure ??= error;
      if (replicas.length > 1) note(`litewake: replica ${name}: ${lineOf(error)}`);
    } finally {
      await client.close();
    }
  }
  if (listed.length === 0 && failure !== undefined) throw failure;
  return listed;
}

/** A backend's own line does not say where. */
function unreachable(url: string, error: ReplicaError): LitewakeError {
  return new LitewakeError(error.code === "InvalidConfig" ? "usage" : "unreachable", `${url}: ${error.message}`, {
    cause: error,
  });
}
