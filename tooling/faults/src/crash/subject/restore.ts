// Restores one database, as the command line does.
import { noteRestored, restore } from "@litewake/core";
import { file } from "@litewake/file";
import type { Context } from "./context.ts";
import { killable } from "./killable-client.ts";
import type { RestoreSubject } from "./options.ts";
import { say } from "./say.ts";

export async function restoreOne({ replica, output }: RestoreSubject, { kill, random }: Context): Promise<void> {
  const bare = await file.open({ url: `file://${replica}`, settings: {}, env: {} });
  const client = killable(bare, kill, random, () => {});
  kill.phase = "run";
  const result = await restore({ replicas: [{ name: "replica", client }], output });
  say("restored");
  noteRestored(output, result);
}
