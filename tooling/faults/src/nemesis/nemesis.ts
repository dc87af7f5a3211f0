// A store that fails, lies, hangs and forgets, as the seed says: a wrapper round one that does as it should.
import { setTimeout as sleep } from "node:timers/promises";
import {
  abortedError,
  bodyChunks,
  type ByteStream,
  type CallOptions,
  type GetOptions,
  type ObjectInfo,
  type PutBody,
  type PutOptions,
  type PutResult,
  type ReplicaClient,
  ReplicaError,
  type ReplicaErrorCode,
} from "@litewake/core/backend";
import type { Random } from "@litewake-tooling/testkit/random";
import type { Fates } from "./fates.ts";
import type { Fault, Verb } from "./faults.ts";
import { Listings } from "./listings.ts";

export interface NemesisOptions {
  readonly fates: Fates;
  /** A request that failed may still be done so much later, and no later: retention's grace must be longer. */
  readonly lateMs: number;
  /** A call that hangs ends after so long at the most. */
  readonly hangMs: number;
  /** A put is "not found" for so long. */
  readonly forgetMs: number;
  /** Something late was done just now. */
  readonly onLate?: () => void;
}

const ANSWERS: Readonly<Partial<Record<Fault, readonly [ReplicaErrorCode, string]>>> = {
  refused: ["Unavailable", "the store answered 503"],
  throttled: ["Throttled", "the store asks to be called less often"],
  denied: ["Denied", "the credentials have expired"],
  full: ["NoSpace", "the store has no room"],
};

/** A call that takes its time takes no more than this. */
const SLOWEST_MS = 100;

function broken(verb: Verb, key: string, reason = "the connection was reset"): ReplicaError {
  return new ReplicaError({ code: "Unavailable", operation: verb, key, reason });
}

export class Nemesis implements ReplicaClient {
  readonly type = "nemesis";
  readonly url: string;
  readonly #inner: ReplicaClient;
  readonly #options: NemesisOptions;
  readonly #listings: Listings;
  readonly #putAt = new Map<string, number>();
  readonly #late = new Set<Promise<void>>();

  constructor(inner: ReplicaClient, options: NemesisOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#listings = new Listings(inner);
    this.url = inner.url;
  }

  get capabilities() {
    return this.#inner.capabilities;
  }

  /** Resolves when nothing is under way any more that was late. */
  async settled(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late);
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    const { fault, random } = this.#options.fates.draw("list", prefix);
    await this.#before(fault, random, "list", prefix, options.signal);
    const objects = await this.#listings.seen(prefix, fault, random, options);
    const cutAt = fault === "cut" ? random.below(objects.length + 1) : objects.length;
    yield* objects.slice(0, cutAt);
    if (fault === "cut") throw broken("list", prefix);
  }

  async get(key: string, options: GetOptions = {}): Promise<ByteStream> {
    const { fault, random } = this.#options.fates.draw("get", key);
    await this.#before(fault, random, "get", key, options.signal);
    const isYoung = performance.now() - (this.#putAt.get(key) ?? -Infinity) < this.#options.forgetMs;
    if (fault === "forgotten" && isYoung)
      throw new ReplicaError({ code: "NotFound", operation: "get", key, reason: "the store has no such object" });
    const stream = await this.#inner.get(key, options);
    return fault === "cut" ? cutOff(stream, key, random) : stream;
  }

  async put(key: string, body: PutBody, options: PutOptions = {}): Promise<PutResult> {
    const { fault, random } = this.#options.fates.draw("put", key);
    const { signal, ...how } = options;
    if (fault !== "hung") await this.#before(fault, random, "put", key, signal);
    if (fault === "cut") {
      await readSome(body, key, signal, random);
      throw broken("put", key);
    }
    const bytes = await gathered(body, key, signal);
    if (fault === "hung") {
      await this.#before(fault, random, "put", key, signal);
    }
    if (fault === "late") {
      this.#later(random, () => this.#inner.put(key, bytes, how));
      throw broken("put", key, "the request timed out");
    }
    const result = await this.#inner.put(key, bytes, options);
    if (this.#options.forgetMs > 0) this.#putAt.set(key, performance.now());
    if (fault === "twice") this.#later(random, () => this.#inner.put(key, bytes, how));
    if (fault === "lost") throw broken("put", key, "the answer was lost");
    return result;
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    const { fault, random } = this.#options.fates.draw("delete", keys[0] ?? "");
    await this.#before(fault, random, "delete", keys[0] ?? "", options.signal);
    if (fault === "late") {
      this.#later(random, () => this.#inner.delete(keys));
      throw broken("delete", keys[0] ?? "", "the request timed out");
    }
    await this.#inner.delete(fault === "cut" ? keys.filter(() => random.below(2) === 0) : keys, options);
    if (fault === "twice") this.#later(random, () => this.#inner.delete(keys));
    if (fault === "cut" || fault === "lost") throw broken("delete", keys[0] ?? "");
  }

  async close(): Promise<void> {}

  /** What happens before anything is done; throws where nothing will be. */
  async #before(
    fault: Fault | undefined,
    random: Random,
    verb: Verb,
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (fault === undefined) return;
    const answer = ANSWERS[fault];
    if (answer !== undefined) {
      const [code, reason] = answer;
      throw new ReplicaError({ code, operation: verb, key, reason });
    }
    const { hangMs, lateMs } = this.#options;
    if (fault !== "hung" && fault !== "slow") return;
    const ms = fault === "hung" ? hangMs / 2 + random.below(hangMs / 2) : random.below(Math.min(lateMs, SLOWEST_MS));
    await sleep(ms, undefined, { signal }).catch(() => {});
    if (signal?.aborted === true) throw abortedError(verb, key, signal.reason);
    if (fault === "hung") throw broken(verb, key, "the store did not answer in time");
  }

  // Whoever made the request may be dead by then. It may also come too late for its condition.
  #later(random: Random, what: () => Promise<unknown>): void {
    const done = this.#afterwards(1 + random.below(this.#options.lateMs), what).finally(() => this.#late.delete(done));
    this.#late.add(done);
  }

  async #afterwards(ms: number, what: () => Promise<unknown>): Promise<void> {
    await sleep(ms);
    try {
      await what();
      this.#options.onLate?.();
    } catch {
      // Nobody waits for its answer.
    }
  }
}

async function gathered(body: PutBody, key: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.slice();
  const chunks: Uint8Array[] = [];
  for await (const chunk of bodyChunks(body, key, signal)) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

async function readSome(body: PutBody, key: string, signal: AbortSignal | undefined, random: Random): Promise<void> {
  let left = 1 + random.below(1 << 16);
  for await (const chunk of bodyChunks(body, key, signal)) {
    left -= chunk.byteLength;
    if (left <= 0) return;
  }
}

async function* cutOff(stream: ByteStream, key: string, random: Random): AsyncGenerator<Uint8Array> {
  let left = random.below(1 << 14);
  for await (const chunk of stream) {
    if (chunk.byteLength > left) {
      yield chunk.subarray(0, left);
      break;
    }
    left -= chunk.byteLength;
    yield chunk;
  }
  throw broken("get", key);
}
