// `litewake init`: the first process of a container whose application embeds Litewake.
import { LitewakeError } from "@litewake/core";
import { DEFAULT_LOGGING } from "../../config/config.ts";
import type { Command } from "../command.ts";
import { giveWayToReaper } from "../first-process.ts";
import { createLogger } from "../log.ts";
import { runAlone } from "../running.ts";

export const init: Command = {
  usage: ["init -- COMMAND [arguments]"],
  flags: {},
  notes:
    "Starts the command, passes signals on to it, and ends with its exit code, once everything that it has left behind has\n" +
    "ended too: the engine of embedded mode ships the last commits after the application was killed.",
  async run({ positional }) {
    if (positional.length === 0)
      throw new LitewakeError("usage", "init needs a command", { next: "litewake init -- node app.js" });
    giveWayToReaper();
    return runAlone(positional, createLogger({ ...DEFAULT_LOGGING, level: "warn", stderr: true }));
  },
};
