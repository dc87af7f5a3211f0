// `litewake generations`: the histories of a replica, and how far each lies behind.
import fs from "node:fs";
import { type Command, print, printJson } from "../command.ts";
import { formatLag, shortTime, table } from "../table.ts";
import { LISTING_FLAGS, listReplicas } from "./listing.ts";

/** When the database last changed; now where only a URL is known. */
function changedAt(database: string | undefined): number {
  if (database === undefined) return Date.now();
  const times = [database, `${database}-wal`].map((file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  const newest = Math.max(...times);
  return newest === 0 ? Date.now() : newest;
}

export const generations: Command = {
  usage: ["generations [flags] DB_PATH", "generations [flags] REPLICA_URL"],
  flags: LISTING_FLAGS,
  async run(flags) {
    const replicas = await listReplicas(flags, "generations");
    const rows = replicas.flatMap(({ name, database, catalog }) =>
      catalog.generations.map((record) => ({
        name,
        generation: record.generation,
        lagMs: changedAt(database) - record.updatedAt.getTime(),
        start: record.createdAt,
        end: record.updatedAt,
      })),
    );
    if (flags.boolean("json")) printJson({ generations: rows });
    else {
      const cells = rows.map((row) => [
        row.name,
        row.generation,
        formatLag(row.lagMs),
        shortTime(row.start),
        shortTime(row.end),
      ]);
      print(table(["name", "generation", "lag", "start", "end"], cells));
    }
    return 0;
  },
};
