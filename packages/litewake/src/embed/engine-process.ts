// The engine's process as the application sees it: started in a session of its own, asked over a channel, told of its end.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LitewakeError } from "@litewake/core";
import type { Call, Failure, News, Order } from "./messages.ts";

export interface EngineListener {
  /** Everything that is no answer. */
  onNews(news: News): void;
  /** The process has ended without being asked to. */
  onEnd(why: string): void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class EngineProcess {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listener: EngineListener;
  readonly #ended: Promise<void>;
  #next = 0;
  #expected = false;
  #settleStart: Waiting | undefined;

  constructor(listener: EngineListener) {
    this.#listener = listener;
    const here = import.meta.url;
    const program = fileURLToPath(new URL(here.endsWith(".ts") ? "./engine.ts" : "./engine.js", here));
    // Of the application's own switches only those that say how packages are found: a debugger's port is taken already.
    const execArgv = process.execArgv.filter((word) => /^(--conditions=|--disable-warning=|--no-warnings$)/.test(word));
    this.#process = fork(program, [], { detached: true, execArgv, stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#process.on("message", (news: News) => this.#take(news));
    this.#ended = new Promise((resolve) => {
      const onEnd = (why: string): void => {
        const error = new LitewakeError("internal", `the engine ended: ${why}`);
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
        this.#settleStart?.reject(error);
        resolve();
        if (!this.#expected) this.#listener.onEnd(why);
        this.#expected = true;
      };
      this.#process.once("exit", (code, signal) => onEnd(signal === null ? `exit code ${code}` : `by ${signal}`));
      this.#process.once("error", (error) => onEnd(error.message));
    });
    this.#hold(false);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves when the databases are restored and followed. */
  async start(order: Omit<Extract<Order, { kind: "start" }>, "kind">): Promise<unknown> {
    return this.#held(
      new Promise((resolve, reject) => {
        this.#settleStart = { resolve, reject };
        this.#process.send({ kind: "start", ...order } satisfies Order);
      }),
    );
  }

  async ask(call: Call): Promise<unknown> {
    const id = this.#next++;
    return this.#held(
      new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        const order: Order = { kind: "call", id, call };
        this.#process.send(order, (error) => {
          if (error === null || !this.#waiting.delete(id)) return;
          reject(new LitewakeError("internal", "the engine does not run", { cause: error }));
        });
      }),
    );
  }

  /** Lets the engine go and waits for its end. */
  async end(): Promise<void> {
    this.#expected = true;
    if (this.#process.connected) this.#process.disconnect();
    this.#process.ref();
    await this.#ended;
  }

  /** The application may end while the engine runs; not while it waits for an answer. */
  async #held<T>(answer: Promise<T>): Promise<T> {
    this.#hold(true);
    try {
      return await answer;
    } finally {
      this.#hold(this.#waiting.size > 0);
    }
  }

  #hold(hold: boolean): void {
    const { channel } = this.#process;
    if (hold) {
      this.#process.ref();
      channel?.ref();
    } else {
      this.#process.unref();
      channel?.unref();
    }
  }

  #take(news: News): void {
    switch (news.kind) {
      case "answer":
      case "refusal": {
        const waiting = this.#waiting.get(news.id);
        this.#waiting.delete(news.id);
        if (news.kind === "answer") waiting?.resolve(news.value);
        else waiting?.reject(errorOf(news.error));
        return;
      }
      case "started":
        this.#settleStart?.resolve(undefined);
        break;
      case "failed":
        this.#expected = true;
        this.#settleStart?.reject(errorOf(news.error));
        return;
      case "ready":
      case "log":
      case "status":
    }
    this.#listener.onNews(news);
  }
}

function errorOf({ kind, message }: Failure): LitewakeError {
  return new LitewakeError(kind, message);
}
