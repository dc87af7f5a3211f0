// `litewake replicate` under soak: the command line as users run it, on a store that a nemesis serves.
import fs from "node:fs";
import path from "node:path";
import { freePort } from "@litewake-tooling/emulators";
import { type ManagedProcess, spawnLitewake } from "@litewake-tooling/testkit";
import { SOCKET_VARIABLE } from "./backend.ts";

export interface SoakedOptions {
  readonly folder: string;
  readonly names: readonly string[];
  readonly socket: string;
  /** Of what the replicas are kept by; the figures of a soak of 20 minutes are those of days made short. */
  readonly times: {
    readonly snapshotSeconds: number;
    readonly retentionSeconds: number;
    readonly drillSeconds: number;
  };
}

export class Soaked implements AsyncDisposable {
  readonly statusUrl: string;
  readonly #options: SoakedOptions;
  readonly #config: string;
  #process: ManagedProcess | undefined;
  #taken = 0;
  #ended: string | undefined;
  #killed = false;
  life = 0;
  /** Drills that proved a database, and lines that nobody wants to see. */
  proved = 0;
  readonly bad: string[] = [];

  private constructor(options: SoakedOptions, port: number) {
    this.#options = options;
    this.statusUrl = `http://127.0.0.1:${port}/status`;
    this.#config = path.join(options.folder, "litewake.yml");
    fs.writeFileSync(this.#config, configOf(options, port));
  }

  static async prepare(options: SoakedOptions): Promise<Soaked> {
    return new Soaked(options, await freePort());
  }

  get pid(): number | undefined {
    return this.#process?.running === true ? this.#process.pid : undefined;
  }

  start(): void {
    this.life += 1;
    this.#killed = false;
    this.#taken = 0;
    this.#process = spawnLitewake(["replicate", "-config", this.#config], {
      cwd: this.#options.folder,
      env: { [SOCKET_VARIABLE]: this.#options.socket, LITEWAKE_LOG_TYPE: undefined },
    });
  }

  /** Takes in what it has said, and starts it again if it has ended, as a supervisor does. */
  look(): void {
    const lines = this.#process?.lines ?? [];
    for (; this.#taken < lines.length; this.#taken++) {
      const line = lines[this.#taken] ?? "";
      if (line.includes("proved restorable")) this.proved += 1;
      if (BAD.test(line)) this.bad.push(line);
      if (!line.startsWith("{")) this.#ended = line;
    }
    if (this.#killed || this.#process?.running !== false) return;
    this.bad.push(`it ended by itself: ${this.#ended ?? "without a line"}`);
    this.start();
  }

  async kill(): Promise<void> {
    this.look();
    this.#killed = true;
    await this.#process?.kill9();
  }

  /** An orderly stop; the exit code. */
  async stop(timeoutMs: number): Promise<number | null> {
    this.#killed = true;
    const end = await this.#process?.stop(timeoutMs);
    if (end?.code !== 0) this.bad.push(...(this.#process?.lines.slice(-3) ?? []));
    return end?.code ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.kill9();
  }
}

/** A drill that failed, a replica or database given up, a history that ended although nobody was killed. */
const BAD =
  /a drill failed|replication stopped|not followed any more|history of this replica ends|following begins anew/;

function configOf({ folder, names, times }: SoakedOptions, port: number): string {
  const backend = path.join(import.meta.dirname, "backend.ts");
  const databases = names.map((name, n) =>
    [
      `  - path: ${path.join(folder, "data", `${name}.db`)}`,
      "    replicas:",
      `      - url: nemesis://store/${name}`,
      "        sync-interval: 200ms",
      `        snapshot-interval: ${times.snapshotSeconds}s`,
      `        retention: ${times.retentionSeconds}s`,
      "        retention-check-interval: 5s",
      `        verify-interval: ${times.drillSeconds}s`,
      ...(n === 0 ? ["        lease: 15s"] : []),
    ].join("\n"),
  );
  return [
    "logging:",
    "  type: json",
    `addr: 127.0.0.1:${port}`,
    "backends:",
    `  nemesis: ${backend}`,
    "dbs:",
    ...databases,
    "",
  ].join("\n");
}
