// Which parts of the sources ran, by V8's own count of blocks: what Jazzer.js would take from instrumented code. (Its native
// part needs glibc 2.38, or GitHub at install time; this needs Node.)
import { Session } from "node:inspector";

interface Taken {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
    }[];
  }[];
}

/** Files of ours that are looked at. */
const OURS = /\/packages\/[a-z0-9]+\/(?:src|dist)\//;

export class Coverage implements Disposable {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** How many blocks, by the magnitude of their counts, have been seen. */
  get size(): number {
    return this.#seen.size;
  }

  /** Whether anything new ran since the last call. */
  isNew(): boolean {
    const before = this.#seen.size;
    const { result } = this.#post("Profiler.takePreciseCoverage") as Taken;
    for (const { url, functions } of result) {
      if (!OURS.test(url)) continue;
      const file = url.slice(url.lastIndexOf("/packages/"));
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0)
            this.#seen.add(`${file}:${startOffset}:${endOffset}:${Math.min(6, Math.floor(Math.log2(count)))}`);
    }
    return this.#seen.size > before;
  }

  // In one process the inspector answers before `post` returns.
  #post(method: string, params: object = {}): unknown {
    let answer: unknown;
    let failure: Error | null = null;
    this.#session.post(method, params, (error, result) => {
      failure = error;
      answer = result;
    });
    if (failure !== null) throw failure;
    return answer;
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }
}
