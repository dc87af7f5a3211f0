// A client whose process can be killed before, in the middle of, and after each call.
import type { ByteStream, PutBody, ReplicaClient } from "@litewake/core/backend";
import { overriding } from "../../../../../packages/core/src/backend/overriding.ts";
import type { Random } from "../../../../testkit/writers/random.ts";
import type { KillSwitch } from "./kill-switch.ts";

/** What is stored under a key, for the name of a point: `segment`, `snapshot`, `lease`, `manifest`, … */
function kindOf(key: string): string {
  if (key.includes("/snapshots/")) return "snapshot";
  if (key.includes("/wal/")) return "segment";
  return /litewake\/([a-z]+)/.exec(key)?.[1] ?? "generations";
}

/** `onStored` is told the date of each object whose put was acknowledged. */
export function killable(
  client: ReplicaClient,
  kill: KillSwitch,
  random: Random,
  onStored: (modifiedAt: Date) => void,
): ReplicaClient {
  async function around<T>(call: string, work: () => Promise<T>): Promise<T> {
    kill.reach(`${call}.before`);
    const result = await work();
    kill.reach(`${call}.after`);
    return result;
  }
  return overriding(client, {
    list: async function* list(prefix, options) {
      const call = `list-${kindOf(prefix)}`;
      kill.reach(`${call}.before`);
      let first = true;
      for await (const object of client.list(prefix, options)) {
        yield object;
        if (first) kill.reach(`${call}.mid`);
        first = false;
      }
      kill.reach(`${call}.after`);
    },
    get: async (key, options) => {
      const call = `get-${kindOf(key)}`;
      kill.reach(`${call}.before`);
      return halted(
        await client.get(key, options),
        () => kill.reach(`${call}.mid`),
        () => kill.reach(`${call}.after`),
      );
    },
    put: async (key, body, options) => {
      const call = `put-${kindOf(key)}`;
      const mid = `${call}.mid`;
      return around(call, async () => {
        // Bytes take another way through a client than a stream: they are only cut where it ends in the middle of them.
        const isLast = kill.isNext(mid);
        if (!isLast) kill.reach(mid);
        const result = await client.put(key, isLast ? halted(streamOf(body), () => kill.reach(mid)) : body, options);
        onStored(result.modifiedAt);
        return result;
      });
    },
    delete: async (keys, options) => {
      const call = `delete-${kindOf(keys[0] ?? "")}`;
      const mid = `${call}.mid`;
      await around(call, async () => {
        // In any order: any part of them may be gone.
        if (kill.isNext(mid)) {
          await client.delete(
            keys.filter(() => random.below(2) === 0),
            options,
          );
        }
        kill.reach(mid);
        await client.delete(keys, options);
      });
    },
  });
}

async function* streamOf(body: PutBody): ByteStream & AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else yield* body;
}

/** The same bytes; `mid` is called between the two halves of the first piece. */
async function* halted(stream: ByteStream, mid: () => void, after: () => void = () => {}): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of stream) {
    if (first && chunk.byteLength > 1) {
      first = false;
      const half = chunk.byteLength >> 1;
      yield chunk.subarray(0, half);
      mid();
      yield chunk.subarray(half);
    } else {
      yield chunk;
    }
  }
  after();
}
