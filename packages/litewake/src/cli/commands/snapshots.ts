// `litewake snapshots`: the snapshots of a replica.
import { type Command, print, printJson } from "../command.ts";
import { shortTime, table } from "../table.ts";
import { LISTING_FLAGS, listReplicas } from "./listing.ts";

export const snapshots: Command = {
  usage: ["snapshots [flags] DB_PATH", "snapshots [flags] REPLICA_URL"],
  flags: LISTING_FLAGS,
  async run(flags) {
    const replicas = await listReplicas(flags, "snapshots");
    const rows = replicas.flatMap(({ name, catalog }) =>
      catalog.generations.flatMap(({ generation, snapshots: records }) =>
        records.map(({ index, size, modifiedAt }) => ({ replica: name, generation, index, size, created: modifiedAt })),
      ),
    );
    if (flags.boolean("json")) printJson({ snapshots: rows });
    else {
      const cells = rows.map((row) => [
        row.replica,
        row.generation,
        String(row.index),
        String(row.size),
        shortTime(row.created),
      ]);
      print(table(["replica", "generation", "index", "size", "created"], cells));
    }
    return 0;
  },
};
