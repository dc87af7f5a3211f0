// `litewake retention`: what the next runs of retention would delete. The process that replicates does it, in two steps.
import {
  headlessGenerations,
  LitewakeError,
  planRetention,
  readCatalog,
  readPins,
  type RestorePoint,
} from "@litewake/core";
import { prefixed, type ReplicaClient } from "@litewake/core/backend";
import { knownMembers } from "../../fleet/members.ts";
import { type Command, print, printJson } from "../command.ts";
import type { ParsedArguments } from "../flags.ts";
import { formatBytes, table } from "../table.ts";
import { CONFIG_FLAGS, loadConfig, openConfigured } from "../targets.ts";

interface Row {
  readonly database: string;
  readonly replica: string;
  readonly keep: number;
  readonly delete: number;
  readonly deleteBytes: number;
  /** The oldest moment that stays restorable; `null`: nothing is there. */
  readonly from: Date | null;
}

async function rowFor(
  client: ReplicaClient,
  names: Pick<Row, "database" | "replica">,
  retentionMs: number,
  pins: readonly RestorePoint[],
  member?: string,
): Promise<Row> {
  const catalog = await readCatalog(client);
  const current = catalog.generations.toSorted((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime())[0];
  const nowMs = catalog.newestAt?.getTime();
  if (current === undefined || nowMs === undefined) return { ...names, keep: 0, delete: 0, deleteBytes: 0, from: null };
  const pinned = pins.flatMap((point) => (member === undefined ? [] : (point.places.get(member) ?? [])));
  const doomed =
    retentionMs === 0
      ? []
      : planRetention(catalog, {
          retentionMs,
          nowMs,
          current: current.generation,
          pins: pinned,
          headless: await headlessGenerations(client, catalog),
        }).flat();
  const gone = new Set(doomed);
  let keep = 0;
  let deleteBytes = 0;
  for await (const { key, size } of client.list("generations/")) {
    if (gone.has(key)) deleteBytes += size;
    else keep += 1;
  }
  const bases = catalog.generations.flatMap(({ generation, snapshots }) =>
    snapshots.filter(
      ({ index }) =>
        !doomed.some((key) => key.includes(`${generation}/snapshots/${index.toString(16).padStart(8, "0")}`)),
    ),
  );
  const from = bases.map(({ modifiedAt }) => modifiedAt).toSorted((a, b) => a.getTime() - b.getTime())[0] ?? null;
  return { ...names, keep, delete: doomed.length, deleteBytes, from };
}

async function rowsOf(flags: ParsedArguments): Promise<Row[]> {
  const config = await loadConfig(flags);
  const rows: Row[] = [];
  if (config.fleet !== undefined) {
    const { root } = config.fleet;
    const client = await openConfigured(root, config);
    try {
      const pins = await readPins(client);
      for (const { name, path } of await knownMembers(config.fleet, client)) {
        rows.push(
          await rowFor(prefixed(client, name), { database: path, replica: name }, root.retentionMs, pins, name),
        );
      }
    } finally {
      await client.close();
    }
    return rows;
  }
  for (const { path, replicas } of config.databases) {
    for (const replica of replicas) {
      const client = await openConfigured(replica, config);
      try {
        rows.push(await rowFor(client, { database: path, replica: replica.name }, replica.retentionMs, []));
      } finally {
        await client.close();
      }
    }
  }
  return rows;
}

export const retention: Command = {
  usage: ["retention -dry-run [flags]"],
  flags: {
    ...CONFIG_FLAGS,
    "dry-run": { kind: "boolean", help: "tell what is not needed any more; delete nothing" },
    json: { kind: "boolean", help: "print JSON instead of a table" },
  },
  notes:
    "What is not needed is deleted by the process that replicates: an hour after it first saw that, so that no restore loses its objects.",
  async run(flags) {
    if (!flags.boolean("dry-run")) {
      throw new LitewakeError("usage", "deleting is done by litewake replicate, each retention-check-interval", {
        next: "add -dry-run to see what it will delete",
      });
    }
    const rows = await rowsOf(flags);
    if (flags.boolean("json")) printJson({ retention: rows });
    else {
      const cells = rows.map((row) => [
        row.database,
        row.replica,
        String(row.keep),
        String(row.delete),
        formatBytes(row.deleteBytes),
        row.from?.toISOString() ?? "-",
      ]);
      print(table(["database", "replica", "keep", "delete", "frees", "restorable from"], cells));
    }
    return 0;
  },
};
