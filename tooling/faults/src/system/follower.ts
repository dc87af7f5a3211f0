// `litewake replicate` as users run it, with what it says and how it does while the system fails under it.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { litewakeBinary, ManagedProcess, type ProcessEnd } from "@litewake-tooling/testkit";
import { Broken } from "./broken.ts";

export interface FollowerOptions {
  readonly uid?: number | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** More lines of the database's block, of the replica's block. */
  readonly databaseSettings?: readonly string[] | undefined;
  readonly replicaSettings?: readonly string[] | undefined;
  /** More databases, by path, each with a replica. */
  readonly more?: Readonly<Record<string, string>> | undefined;
  readonly flags?: readonly string[] | undefined;
  /** What runs Litewake, `prlimit --nofile=40` for instance. */
  readonly under?: readonly string[] | undefined;
  /** Resolve at once, not when it follows. */
  readonly atOnce?: boolean | undefined;
}

interface Places extends FollowerOptions {
  readonly folder: string;
  readonly database: string;
  readonly replica: string;
  readonly meta: string | undefined;
}

export interface Said {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

interface Status {
  readonly databases: readonly {
    readonly state: string;
    readonly replicas: readonly { readonly pendingBytes: number; readonly state: string; readonly error?: string }[];
  }[];
}

let configurations = 0;

export class Follower implements AsyncDisposable {
  readonly process: ManagedProcess;
  readonly #atOnce: boolean;

  constructor(options: Places) {
    const config = path.join(options.folder, `litewake-${configurations++}.yml`);
    fs.writeFileSync(config, configuration(options), { mode: 0o644 });
    const [command = "", ...args] = [
      ...(options.under ?? []),
      process.execPath,
      litewakeBinary,
      "replicate",
      "-config",
      config,
      ...(options.flags ?? []),
    ];
    const { uid } = options;
    // The socket of `litewake status` lies in the folder of temporary files.
    const env = { TMPDIR: options.folder, ...options.env };
    this.process = new ManagedProcess(command, args, { env, ...(uid === undefined ? {} : { uid, gid: uid }) });
    this.#atOnce = options.atOnce ?? false;
  }

  async started(): Promise<this> {
    if (this.#atOnce) return this;
    await Promise.race([this.process.waitFor(/metrics are served/, 150_000).catch(() => {}), this.process.ended]);
    return this;
  }

  get said(): readonly Said[] {
    return this.process.lines.flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Said] : []));
  }

  /** Lines that are no log: the one that ends it, or a stack that nobody should ever see. */
  get lastWords(): readonly string[] {
    return this.process.lines.filter((line) => !line.startsWith("{"));
  }

  /** Why generations began, in order. */
  get reasons(): readonly string[] {
    return this.said.filter(({ msg }) => msg === "new generation").map(({ reason }) => String(reason));
  }

  async status(): Promise<Status> {
    const line = this.said.find(({ msg }) => msg === "metrics are served");
    const answer = await fetch(`http://127.0.0.1:${String(line?.["port"])}/status`);
    return (await answer.json()) as Status;
  }

  /** A line of the log, said after the first `from` lines of output. */
  async says(pattern: RegExp, from = 0, timeoutMs = 150_000): Promise<string> {
    return this.process.waitFor(pattern, timeoutMs, from);
  }

  requireRunning(): void {
    if (!this.process.running) throw new Broken(`Litewake ended:\n${this.process.lines.slice(-8).join("\n")}`);
  }

  /** The most memory that it ever had. Bytes. */
  get peakBytes(): number {
    const status = fs.readFileSync(`/proc/${this.process.pid}/status`, "utf8");
    return Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1]) * 1024;
  }

  get openFiles(): number {
    return fs.readdirSync(`/proc/${this.process.pid}/fd`).length;
  }

  /** An orderly stop, which ships what is left: it must succeed. */
  async stop(): Promise<void> {
    const { code, signal } = await this.process.stop(150_000);
    if (code !== 0) {
      throw new Broken(`the last sync failed (${signal ?? code}):\n${this.process.lines.slice(-8).join("\n")}`);
    }
  }

  /** Ends by itself with a code other than 0 and one line that says what and where. */
  async endsWith(line: RegExp, code?: number): Promise<ProcessEnd> {
    const end = await Promise.race([this.process.ended, sleep(150_000, undefined, { ref: false })]);
    if (end === undefined) throw new Broken(`Litewake goes on, expected ${line}:\n${this.process.output()}`);
    const words = this.lastWords;
    if (words.length !== 1 || !line.test(words[0] ?? "")) {
      throw new Broken(`expected one last line ${line}, got:\n${this.process.output()}`);
    }
    if (end.code === 0 || (code !== undefined && end.code !== code)) {
      throw new Broken(`it ended with ${end.signal ?? end.code}, expected ${code ?? "not 0"}`);
    }
    return end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.resume();
    await this.process.kill9();
  }
}

function configuration({ database, replica, meta, more = {}, ...settings }: Places): string {
  const block = (file: string, folder: string, metaPath: string | undefined) => [
    `  - path: ${file}`,
    ...(metaPath === undefined ? [] : [`    meta-path: ${metaPath}`]),
    ...(settings.databaseSettings ?? []).map((line) => `    ${line}`),
    "    replicas:",
    `      - url: file://${folder}`,
    ...["sync-interval: 50ms", ...(settings.replicaSettings ?? [])].map((line) => `        ${line}`),
  ];
  return [
    "addr: 127.0.0.1:0",
    "logging:",
    "  type: json",
    "dbs:",
    ...block(database, replica, meta),
    ...Object.entries(more).flatMap(([file, folder]) => block(file, folder, undefined)),
    "",
  ].join("\n");
}
