// `litewake pin` and `unpin`: a restore point that retention leaves alone.
import { LitewakeError, pinPoint, unpinPoint } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { type Command, note } from "../command.ts";
import type { ParsedArguments } from "../flags.ts";
import { CONFIG_FLAGS, fleetOf, openConfigured } from "../targets.ts";

async function withFleet(
  command: string,
  flags: ParsedArguments,
  work: (client: ReplicaClient, name: string) => Promise<string>,
): Promise<number> {
  const [name, ...more] = flags.positional;
  if (name === undefined || more.length > 0)
    throw new LitewakeError("usage", `${command} needs one point`, { next: `litewake ${command} before-deploy` });
  const { config, fleet } = await fleetOf(flags);
  const client = await openConfigured(fleet.root, config);
  try {
    note(`litewake: ${await work(client, name)}`);
  } finally {
    await client.close();
  }
  return 0;
}

export const pin: Command = {
  usage: ["pin [flags] POINT"],
  flags: CONFIG_FLAGS,
  run: (flags) =>
    withFleet("pin", flags, async (client, name) => {
      await pinPoint(client, name);
      return `${name} stays restorable until it is unpinned`;
    }),
};

export const unpin: Command = {
  usage: ["unpin [flags] POINT"],
  flags: CONFIG_FLAGS,
  run: (flags) =>
    withFleet("unpin", flags, async (client, name) => {
      if (await unpinPoint(client, name)) return `${name} is restorable as long as the retention window reaches`;
      throw new LitewakeError("no-backup", `${name} is not pinned`, { next: "litewake points lists what is" });
    }),
};
