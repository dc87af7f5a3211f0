// The engine of embedded mode: a process beside the application that follows its databases. It outlives the application for
// as long as it takes to ship what that has committed, however the application ends.
import { LitewakeError, type Logger } from "@litewake/core";
import { ageWarning } from "../age-warning.ts";
import { openReplica } from "../backends.ts";
import { DEFAULT_PATIENCE_MS, patient } from "../cli/patience.ts";
import { createLogger } from "../cli/log.ts";
import { DEFAULT_LOGGING } from "../config/config.ts";
import { RunningFleet } from "../fleet/start.ts";
import { leanV8 } from "../lean-v8.ts";
import type { Call, Failure, News, Order } from "./messages.ts";
import { configurationOf } from "./options.ts";

const STATUS_MS = 500;
const STOP_DEADLINE_MS = 30_000;

class Engine {
  #running: RunningFleet | undefined;
  #close: () => Promise<void> = async () => {};
  #told = "";
  #starting: Promise<void> = Promise.resolve();
  #ending: Promise<void> | undefined;

  readonly logger: Logger = (level, message, fields = {}) => {
    if (process.connected) this.tell({ kind: "log", level, message, fields });
    else createLogger({ ...DEFAULT_LOGGING, stderr: true })(level, message, fields);
  };

  tell(news: News): void {
    // A channel that has just been closed: the end is on its way.
    if (process.connected) process.send?.(news, undefined, undefined, () => {});
  }

  take(order: Order): void {
    if (order.kind === "start") this.#starting = this.#start(order);
    else void this.#answer(order.id, order.call);
  }

  async #start({ source, cwd, newHistory, takeOver, restore }: Extract<Order, { kind: "start" }>): Promise<void> {
    try {
      const config = configurationOf(source);
      const { fleet } = config;
      if (fleet === undefined) throw new LitewakeError("internal", "the engine was started without a fleet");
      if (process.ppid === 1)
        this.logger(
          "warn",
          "the application is the container's first process: when it is killed the container ends at once, and with it the engine; start it as litewake replicate -exec or under an init such as tini",
          {},
        );
      const client = await openReplica(fleet.root, process.env, {
        packages: config.backends,
        from: [cwd],
        onKeys: async (keys) => {
          const warning = await ageWarning(keys);
          if (warning !== undefined) this.logger("warn", warning, {});
        },
      });
      this.#close = () => client.close();
      const patientClient = patient(client, DEFAULT_PATIENCE_MS, (line) => this.logger("warn", line));
      const stop = new AbortController();
      process.once("disconnect", () => stop.abort());
      this.#running = await RunningFleet.start({
        fleet: { ...fleet, restoreOnBoot: restore && fleet.restoreOnBoot },
        client,
        patientClient,
        logger: this.logger,
        newHistory,
        takeOver,
        loading: { packages: config.backends, from: [cwd] },
        signal: stop.signal,
      });
      setInterval(() => this.#tellStatus(), STATUS_MS).unref();
      this.tell({ kind: "started", status: this.#running.status });
    } catch (error) {
      this.tell({ kind: "failed", error: failureOf(error) });
      await this.#close();
      process.disconnect();
    }
  }

  async #answer(id: number, call: Call): Promise<void> {
    try {
      this.tell({ kind: "answer", id, value: await this.#do(call) });
    } catch (error) {
      this.tell({ kind: "refusal", id, error: failureOf(error) });
    }
  }

  async #do(call: Call): Promise<unknown> {
    const running = this.#running;
    if (running === undefined) throw new LitewakeError("internal", "the engine does not run");
    switch (call.method) {
      case "sync":
        return running.sync(call.timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(call.timeoutMs) });
      case "status":
        return running.status;
      case "point": {
        const { name, takenAt, heldMs, places } = await running.point(call.name);
        return { name, takenAt: takenAt.toISOString(), heldMs, places: Object.fromEntries(places) };
      }
      case "stop":
        return this.end(call.timeoutMs ?? STOP_DEADLINE_MS);
    }
  }

  // Only what changed: an idle fleet sends nothing.
  #tellStatus(): void {
    const status = this.#running?.status ?? [];
    const text = JSON.stringify(status);
    if (text === this.#told) return;
    this.#told = text;
    this.tell({ kind: "status", status });
  }

  /** Ships what is left. Safe to call again. */
  end(deadlineMs: number): Promise<void> {
    this.#ending ??= (async () => {
      await this.#starting;
      try {
        await this.#running?.stop({ signal: AbortSignal.timeout(deadlineMs) });
      } finally {
        await this.#close();
      }
    })();
    return this.#ending;
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof LitewakeError) return { kind: error.kind, message: error.message };
  return { kind: "internal", message: error instanceof Error ? error.message : String(error) };
}

leanV8();
const engine = new Engine();
// A signal to the whole container is for the application; when that has ended, the channel closes.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
process.on("message", (order: Order) => engine.take(order));
process.once("disconnect", () => {
  engine.end(STOP_DEADLINE_MS).then(
    () => process.exit(0),
    (error: unknown) => {
      engine.logger("error", "the application's last commits are not all shipped", { error: failureOf(error).message });
      process.exit(74);
    },
  );
});
engine.tell({ kind: "ready" });
