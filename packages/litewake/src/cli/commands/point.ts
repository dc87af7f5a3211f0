// `litewake point`: a named restore point over all databases of a fleet, taken by the process that replicates them.
import { LitewakeError, listPoints, pinnedNames } from "@litewake/core";
import { askRunning } from "../../watching/control.ts";
import { type Command, JSON_FLAG, note, print, printJson } from "../command.ts";
import { table } from "../table.ts";
import { CONFIG_FLAGS, configFile, fleetOf, openConfigured } from "../targets.ts";

export const point: Command = {
  usage: ["point [flags] NAME"],
  flags: { ...CONFIG_FLAGS, json: { kind: "boolean", help: "print the result as JSON" } },
  async run(flags) {
    const [name, ...more] = flags.positional;
    if (name === undefined || more.length > 0)
      throw new LitewakeError("usage", "point needs one name", { next: "litewake point before-deploy" });
    const { ok, body } = await askRunning(
      configFile(flags),
      "POST",
      `/point?${new URLSearchParams({ name }).toString()}`,
    );
    if (!ok) {
      const { error, code } = body;
      note(`litewake: ${typeof error === "string" ? error : "the process that runs has no fleet to take a point of"}`);
      return Number(code ?? 2);
    }
    if (flags.boolean("json")) printJson(body);
    else
      note(
        `litewake: point ${name} taken over ${String(body["databases"])} databases; writers were held for ${Number(body["heldMs"]).toFixed(1)} ms`,
      );
    return 0;
  },
};

export const points: Command = {
  usage: ["points [flags]"],
  flags: { ...CONFIG_FLAGS, ...JSON_FLAG },
  async run(flags) {
    const { config, fleet } = await fleetOf(flags);
    const client = await openConfigured(fleet.root, config);
    try {
      const pins = new Set(await pinnedNames(client));
      const listed = (await listPoints(client)).map(({ name, publishedAt }) => ({
        name,
        publishedAt,
        pinned: name !== null && pins.has(name),
      }));
      if (flags.boolean("json")) printJson({ points: listed });
      else
        print(
          table(
            ["name", "published", "pinned"],
            listed.map(({ name, publishedAt, pinned }) => [
              name ?? "-",
              publishedAt.toISOString(),
              pinned ? "yes" : "",
            ]),
          ),
        );
    } finally {
      await client.close();
    }
    return 0;
  },
};
