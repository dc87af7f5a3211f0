// A replica in Litestream 0.5's own format: named for what it is, whatever is wrong with it, and never restored.
import { LitewakeError, restore } from "@litewake/core";
import { memoryBackedDir } from "@litewake-tooling/testkit";
import { clientOf, type Objects, type StoredObject } from "./objects.ts";

/** What is wrong with the answers, one line each: over the whole replica, and with each object gone, cut or empty. */
export async function judgeLtx(replica: Objects): Promise<{ readonly cases: number; readonly failures: string[] }> {
  const failures: string[] = [];
  const damaged = [...replica].flatMap(([key, object]) =>
    [undefined, 0, 50, object.bytes.byteLength - 1].map((cut): [string, Map<string, StoredObject>] => {
      const objects = new Map(replica);
      if (cut === undefined) objects.delete(key);
      else objects.set(key, { ...object, bytes: object.bytes.subarray(0, cut) });
      return [`${key}: ${cut === undefined ? "deleted" : `cut at ${cut}`}`, objects];
    }),
  );
  const all: [string, Objects][] = [["whole", replica], ...damaged];
  using folder = memoryBackedDir(1 << 20, "damage-ltx");
  for (const [what, objects] of all) {
    const output = folder.join("restored.db");
    const replicas = [{ name: "ltx", client: clientOf(objects) }];
    for (const bestEffort of [false, true]) {
      const answer = await restore({ replicas, output, bestEffort }).catch((error: unknown) => error);
      if (answer instanceof LitewakeError && answer.kind === "usage" && /LTX/.test(answer.message)) continue;
      failures.push(`ltx/${what}: ${answer instanceof Error ? answer.message : "it was restored"}`);
    }
  }
  return { cases: all.length, failures };
}
