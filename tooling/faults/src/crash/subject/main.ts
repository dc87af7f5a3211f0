// The process that is killed. It says what it does in lines: `started`, `acked SEQ MS…` (everything up to the ledger's row SEQ
// is in every replica, of whose objects the newest that this process knows is of MS), `restored`, `begins JSON` (a new generation, and whether what was there proves that the
// old one could have gone on), `stopped COUNTS`, `failed LINE`.
import { watchSteps } from "../../../../../packages/core/src/steps.ts";
import { seeded } from "../../../../testkit/writers/random.ts";
import { KillSwitch } from "./kill-switch.ts";
import type { Subject } from "./options.ts";
import { say } from "./say.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as Subject;
const kill = new KillSwitch(options.point, options.companion);
watchSteps((step) => kill.reach(step));
const context = { kill, random: seeded(options.seed) };

try {
  if (options.work === "follow") await (await import("./follow.ts")).follow(options, context);
  else if (options.work === "restore") await (await import("./restore.ts")).restoreOne(options, context);
  else await (await import("./fleet.ts")).bootFleet(options, context);
  say(`stopped ${JSON.stringify(kill.counts)}`);
  process.exitCode = 0;
} catch (error) {
  const kind = error instanceof Error && "kind" in error ? `${String(error.kind)}: ` : "";
  say(
    `failed ${kind}${error instanceof Error ? (error.stack ?? error.message).replaceAll("\n", " | ") : String(error)}`,
  );
  process.exitCode = 1;
}
