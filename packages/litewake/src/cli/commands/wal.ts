// `litewake wal`: the WAL segments of a replica.
import { type Command, print, printJson } from "../command.ts";
import { shortTime, table } from "../table.ts";
import { LISTING_FLAGS, listReplicas } from "./listing.ts";

export const wal: Command = {
  usage: ["wal [flags] DB_PATH", "wal [flags] REPLICA_URL"],
  flags: { ...LISTING_FLAGS, generation: { kind: "string", value: "ID", help: "only this generation" } },
  async run(flags) {
    const only = flags.string("generation");
    const replicas = await listReplicas(flags, "wal");
    const rows = replicas.flatMap(({ name, catalog }) =>
      catalog.generations
        .filter(({ generation }) => only === undefined || generation === only)
        .flatMap(({ generation, segments }) =>
          [...segments].map(({ index, offset, size, modifiedAt }) => ({
            replica: name,
            generation,
            index,
            offset,
            size,
            created: modifiedAt,
          })),
        ),
    );
    if (flags.boolean("json")) printJson({ wal: rows });
    else {
      const cells = rows.map((row) => [
        row.replica,
        row.generation,
        String(row.index),
        String(row.offset),
        String(row.size),
        shortTime(row.created),
      ]);
      print(table(["replica", "generation", "index", "offset", "size", "created"], cells));
    }
    return 0;
  },
};
