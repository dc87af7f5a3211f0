// `litewake status`: how the process that replicates by a configuration is doing.
import { type DrillStatus, formatPosition, type Position } from "@litewake/core";
import type { Report } from "../../watching/report.ts";
import { askRunning } from "../../watching/control.ts";
import { type Command, JSON_FLAG, note, print, printJson } from "../command.ts";
import { formatBytes, formatLag, shortTime, table } from "../table.ts";
import { CONFIG_FLAGS, configFile } from "../targets.ts";

const UNHEALTHY = 1;

export const status: Command = {
  usage: ["status [flags]"],
  flags: { ...CONFIG_FLAGS, ...JSON_FLAG },
  notes: "Exit code 0: every replica keeps up; 1: one does not, with the reason; 4: nothing replicates here.",
  async run(flags) {
    const { body } = await askRunning(configFile(flags), "GET", "/status");
    const report = body as unknown as Report;
    if (flags.boolean("json")) printJson(report);
    else {
      const rows = report.databases.flatMap(({ path, state, walBytes, replicas }) =>
        replicas.length === 0
          ? [[path, state, formatBytes(walBytes), "", "", "", "", "", ""]]
          : replicas.map((replica) => [
              path,
              state,
              formatBytes(walBytes),
              replica.name,
              replica.state,
              formatLag(replica.lagMs),
              formatBytes(replica.pendingBytes),
              position(replica.position),
              drill(replica.drill),
            ]),
      );
      print(
        table(["database", "state", "wal", "replica", "replica state", "lag", "pending", "position", "drill"], rows),
      );
      for (const problem of report.problems) note(`litewake: ${problem}`);
    }
    return report.healthy ? 0 : UNHEALTHY;
  },
};

/** What the last drill has shown; its dates have come as JSON. */
function drill(status: DrillStatus | undefined): string {
  if (status === undefined || status.outcome === null) return "";
  if (status.outcome === "failed") return "failed";
  return status.proved === null ? "not made" : `proved up to ${shortTime(new Date(status.proved.moment))}`;
}

function position(place: Position | undefined): string {
  return place === undefined ? "" : formatPosition(place);
}
