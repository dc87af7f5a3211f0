// A container with a fleet in it: a configuration, a disk that can be wiped, a replica that stays.
import fs from "node:fs";
import path from "node:path";
import {
  litewakeBinary,
  ManagedProcess,
  runLitewake,
  type RunResult,
  spawnLitewake,
  type TempDir,
  tempDir,
} from "@litewake-tooling/testkit";

const NO_CONFIG = { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };

export class Container implements Disposable {
  readonly folder: TempDir = tempDir("container");
  readonly replica: string = this.folder.join("replica");
  readonly data: string = this.folder.join("data");

  /** `lines` come into the `replication:` block. */
  configure(lines: readonly string[] = [], shards = 4): this {
    const block = ["enabled: true", `replica_url: file://${this.replica}`, ...lines]
      .map((line) => `  ${line}`)
      .join("\n");
    fs.writeFileSync(
      this.folder.join("litejoin.yaml"),
      `server: { port: 8080 }\nshard_count: ${shards}\nreplication:\n${block}\n`,
    );
    return this;
  }

  run(...args: string[]): Promise<RunResult> {
    return runLitewake([args[0] ?? "", "-config", "litejoin.yaml", ...args.slice(1)], {
      cwd: this.folder.path,
      env: NO_CONFIG,
    });
  }

  /** A command that is not waited for. */
  spawn(command: string, ...args: string[]): ManagedProcess {
    return spawnLitewake([command, "-config", "litejoin.yaml", ...args], { cwd: this.folder.path, env: NO_CONFIG });
  }

  start(...args: string[]): ManagedProcess {
    return this.spawn("replicate", ...args);
  }

  /** As `start`, as the first process of a PID namespace of its own, in which nothing outlives it. Needs root. */
  boot(...args: string[]): ManagedProcess {
    const words = [
      "-pf",
      "--mount-proc",
      process.execPath,
      litewakeBinary,
      "replicate",
      "-config",
      "litejoin.yaml",
      ...args,
    ];
    return new ManagedProcess("unshare", words, { cwd: this.folder.path, env: NO_CONFIG });
  }

  /** What a restart does to a container's disk. */
  wipe(): void {
    fs.rmSync(this.data, { recursive: true, force: true });
  }

  file(name: string): string {
    return path.join(this.data, name);
  }

  [Symbol.dispose](): void {
    this.folder.remove();
  }
}

/** One string for `-exec`. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(" ");
}
