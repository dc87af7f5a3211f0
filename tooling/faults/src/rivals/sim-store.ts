// An object store at the end of a bad network, in virtual time: answers are lost, requests come late, long after whoever made
// them has given up. Every request's start is known, and when it arrived.
import { abortedError } from "../../../../packages/core/src/backend/abort.ts";
import type { ObjectInfo, ReplicaClient } from "../../../../packages/core/src/backend/client.ts";
import { ReplicaError, type ReplicaOperation } from "../../../../packages/core/src/backend/error.ts";
import type { Random } from "../../../testkit/writers/random.ts";
import type { SimProcess, World } from "./world.ts";

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

/** How bad it is. Parts of a thousand, and milliseconds. */
export interface Weather {
  readonly latencyMs: number;
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly unavailable: number;
  /** Puts that are held in the network, and for how long at the most. */
  readonly held: number;
  readonly heldMs: number;
  /** A client gives a request up after so long. */
  readonly timeoutMs: number;
  /** Grain of the store's dates. */
  readonly grainMs: number;
}

export interface Arrival {
  readonly process: SimProcess;
  readonly verb: "put" | "delete";
  readonly keys: readonly string[];
  readonly startedMs: number;
}

export interface Start {
  readonly process: SimProcess;
  readonly verb: ReplicaOperation;
  readonly key: string;
}

export class SimStore {
  readonly objects = new Map<string, StoredObject>();
  readonly #world: World;
  readonly #random: Random;
  readonly #weather: Weather;
  /** Whether a process reaches the store at all. */
  isCutOff: (process: SimProcess) => boolean = () => false;
  /** What may be held in the network. */
  mayBeHeld: (key: string) => boolean = () => true;
  onStart: (start: Start) => void = () => {};
  /** Just before it takes effect, and just after. */
  onArrival: (arrival: Arrival, apply: () => void) => void = (_arrival, apply) => apply();
  /** Broken on purpose: the condition is ignored for what this says. */
  ignoresCondition: (key: string) => boolean = () => false;

  constructor(world: World, random: Random, weather: Weather) {
    this.#world = world;
    this.#random = random;
    this.#weather = weather;
  }

  listed(prefix: string): ObjectInfo[] {
    const { grainMs } = this.#weather;
    return [...this.objects]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { bytes, atMs }]) => ({
        key,
        size: bytes.byteLength,
        modifiedAt: new Date(EPOCH_MS + Math.floor(atMs / grainMs) * grainMs),
      }));
  }

  /** Without a network: for whoever judges. */
  directly(): ReplicaClient {
    const { objects } = this;
    const listed = (prefix: string): ObjectInfo[] => this.listed(prefix);
    return {
      type: "sim",
      url: "sim://store",
      capabilities: { putIfAbsent: true },
      async *list(prefix) {
        yield* listed(prefix);
      },
      async get(key) {
        const object = objects.get(key);
        if (object === undefined) throw missing(key);
        return chunksOf(object.bytes);
      },
      put: () => Promise.reject(new Error("only looks")),
      delete: () => Promise.reject(new Error("only looks")),
      close: async () => {},
    };
  }

  client(process: SimProcess): ReplicaClient {
    const direct = this.directly();
    const ask = <T>(verb: ReplicaOperation, key: string, signal: AbortSignal | undefined, apply: () => T) =>
      this.#request({ process, verb, key, signal }, apply);
    const { listed } = { listed: (prefix: string) => this.listed(prefix) };
    return {
      ...direct,
      async *list(prefix, { signal } = {}) {
        yield* await ask("list", prefix, signal, () => listed(prefix));
      },
      get: async (key, { signal } = {}) => {
        const bytes = await ask("get", key, signal, () => {
          const object = this.objects.get(key);
          if (object === undefined) throw missing(key);
          return object.bytes;
        });
        return chunksOf(bytes);
      },
      put: async (key, body, { signal, ifAbsent = false } = {}) => {
        const bytes = body instanceof Uint8Array ? body : await this.#upload(process, key, body, signal);
        return ask("put", key, signal, () => this.#put(key, bytes, ifAbsent));
      },
      delete: (keys, { signal } = {}) =>
        ask("delete", keys.join(" "), signal, () => {
          for (const key of keys) this.objects.delete(key);
        }),
    };
  }

  /** A large object: a request for each of its parts, and one that makes it visible. */
  async #upload(
    process: SimProcess,
    key: string,
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of body) {
      await this.#request({ process, verb: "put", key: `${key}#part`, signal }, () => {});
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  #put(key: string, bytes: Uint8Array, ifAbsent: boolean) {
    if (ifAbsent && this.objects.has(key) && !this.ignoresCondition(key)) {
      throw new ReplicaError({ code: "Conflict", operation: "put", key, reason: "the object is there already" });
    }
    this.objects.set(key, { bytes, atMs: this.#world.nowMs });
    const modifiedAt = this.listed(key)[0]?.modifiedAt ?? new Date(0);
    return { size: bytes.byteLength, modifiedAt };
  }

  #request<T>(
    { process, verb, key, signal }: Start & { readonly signal: AbortSignal | undefined },
    apply: () => T,
  ): Promise<T> {
    const weather = this.#weather;
    const random = this.#random;
    const chance = (permille: number): boolean => random.below(1000) < permille;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(abortedError(verb, key));
      this.onStart({ process, verb, key });
      signal?.addEventListener("abort", () => reject(abortedError(verb, key)), { once: true });
      const fail = (reason: string, ms: number): void => {
        const error = new ReplicaError({ code: "Unavailable", operation: verb, key, reason });
        this.#world.after(ms, process, () => reject(error));
      };
      if (this.isCutOff(process)) return fail("no route to the store", random.below(weather.timeoutMs));
      if (chance(weather.unavailable)) return fail("503", random.below(weather.latencyMs * 2));
      fail("no answer", weather.timeoutMs);
      if (chance(weather.lostRequest)) return;
      const held = verb === "put" && this.mayBeHeld(key) && chance(weather.held);
      const answered = !chance(weather.lostAnswer);
      const startedMs = this.#world.nowMs;
      this.#world.after(random.below(held ? weather.heldMs : weather.latencyMs), undefined, () => {
        let answer: () => void = () => {};
        const effect = (): void => {
          try {
            const result = apply();
            answer = () => resolve(result);
          } catch (error) {
            answer = () => reject(error instanceof Error ? error : new Error(String(error)));
          }
        };
        if (verb === "put" || verb === "delete") {
          this.onArrival({ process, verb, keys: key.split(" "), startedMs }, effect);
        } else effect();
        if (answered) this.#world.after(random.below(weather.latencyMs), process, answer);
      });
    });
  }
}

const EPOCH_MS = Date.parse("2026-01-01T00:00:00Z");

function missing(key: string): ReplicaError {
  return new ReplicaError({ code: "NotFound", operation: "get", key, reason: "no such object" });
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
