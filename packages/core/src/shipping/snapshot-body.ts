// The stored form of a snapshot: its proof, then the frozen database file in one LZ4 frame, compressed off this thread where
// there is enough of it.
import { Worker } from "node:worker_threads";
import { FreezeBroken, frozenBytes, type FrozenDatabase } from "../database/frozen-copy.ts";
import type { LiveDatabase } from "../database/live-database.ts";
import { compressed, inMemoryWhereSmall } from "./segment-body.ts";
import type { SnapshotAnswer, SnapshotRequest } from "./snapshot-worker.ts";

/** A thread starts in some 40 ms; below this much there is nothing to gain. Bytes of the database. */
export const WORTH_A_THREAD_BYTES: number = 16 << 20;
const CHUNK_BYTES = 1 << 20;
/** Chunks asked for and not yet passed on: one is worked on, the others wait for the store. */
const AHEAD = 4;

export interface SnapshotSource {
  readonly database: LiveDatabase;
  readonly frozen: FrozenDatabase;
  /** Stands before the frame. */
  readonly head: readonly Uint8Array[];
  /** Called for each chunk that was read. */
  readonly onChunk: () => void;
}

/** What is put; disposed of, its thread has ended, also where the store took none or half of it. */
export interface SnapshotBody extends AsyncDisposable {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** The body throws `FreezeBroken` instead of handing on a byte that might be newer than the frozen state. */
export async function snapshotBody(source: SnapshotSource): Promise<SnapshotBody> {
  const { database, frozen, head, onChunk } = source;
  const stored =
    frozen.sizeBytes < WORTH_A_THREAD_BYTES
      ? compressed(head, frozenBytes(database, frozen, onChunk))
      : compressedByThread(source);
  const body = await inMemoryWhereSmall(stored);
  return { body, [Symbol.asyncDispose]: async () => void (await stored.return(undefined)) };
}

async function* compressedByThread({ database, frozen, head, onChunk }: SnapshotSource): AsyncGenerator<Uint8Array> {
  yield* head;
  await using thread = new CompressThread();
  const asked: { readonly position: number; readonly length: number; readonly answer: Promise<SnapshotAnswer> }[] = [];
  let next = 0;
  const ask = () => {
    const length = Math.min(CHUNK_BYTES, frozen.sizeBytes - next);
    if (length === 0) return;
    const answer = thread.ask({ descriptor: database.descriptor, position: next, length });
    // Looked at when its turn comes; until then a failure is nobody's.
    answer.catch(() => {});
    asked.push({ position: next, length, answer });
    next += length;
  };
  for (let n = 0; n < AHEAD; n++) ask();
  for (let chunk = asked.shift(); chunk !== undefined; chunk = asked.shift()) {
    const { read, parts } = await chunk.answer;
    // Read before this is asked: what the file held then is the frozen state.
    if (!frozen.valid()) throw new FreezeBroken();
    if (read < chunk.length) {
      const end = chunk.position + read;
      throw new Error(`${database.path} ends at ${end} bytes, expected ${frozen.sizeBytes}`);
    }
    onChunk();
    ask();
    yield* parts;
  }
  yield* (await thread.ask({ end: true })).parts;
}

interface Waiting {
  readonly resolve: (answer: SnapshotAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** One thread for one snapshot. */
class CompressThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #failed: Error | undefined;

  constructor() {
    const file = import.meta.url.endsWith(".ts") ? "./snapshot-worker.ts" : "./snapshot-worker.js";
    this.#worker = new Worker(new URL(file, import.meta.url));
    // Answers come in the order of the questions.
    this.#worker.on("message", (answer: SnapshotAnswer) => this.#waiting.shift()?.resolve(answer));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the compressing thread ended")));
  }

  async ask(request: SnapshotRequest): Promise<SnapshotAnswer> {
    const answer = await new Promise<SnapshotAnswer>((resolve, reject) => {
      if (this.#failed !== undefined) return reject(this.#failed);
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(request);
    });
    if (answer.error === undefined) return answer;
    throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  }

  /** Waits for the thread's end: until then it reads a descriptor that must not be closed under it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    for (const { reject } of this.#waiting) reject(this.#failed);
    this.#waiting.length = 0;
  }
}
