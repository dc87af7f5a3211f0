// Databases that appear and vanish while a fleet is followed by a pattern.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet, Logger } from "@litewake/core";
import type { FleetConfig } from "../config/config.ts";
import { membersOf } from "./members.ts";

/** How often the folder is looked through. */
const LOOK_MS = 2000;

/** Looks until the signal fires. A database that is refused is told of once and looked at again when its file is another. */
export async function followArrivals(running: Fleet, fleet: FleetConfig, { logger, signal }: { logger: Logger; signal: AbortSignal }): Promise<void> {
  if (fleet.layout.kind === "shards") return;
  const known = new Set(running.status.map(({ path }) => path));
  let missed = new Set<string>();
  for (;;) {
    await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    const members = await membersOf(fleet);
    const there = new Set(members.map(({ path }) => path));
    for (const member of members) {
      if (known.has(member.path)) continue;
      known.add(member.path);
      logger("info", "a database has appeared", { database: member.name });
      await running.add(member).catch((error: unknown) => {
        logger("error", "it is not followed", { database: member.name, error: error instanceof Error ? error.message : String(error) });
      });
    }
    const gone = [...known].filter((path) => !there.has(path));
    for (const path of gone) {
      // Gone for one look may be a file that is being replaced.
      if (!missed.has(path)) continue;
      known.delete(path);
      logger("info", "a database is gone; its replica stays", { db: path });
      await running.remove(path).catch((error: unknown) => logger("warn", "its last commits may be missing", { db: path, error: String(error) }));
    }
    missed = new Set(gone);
  }
}
