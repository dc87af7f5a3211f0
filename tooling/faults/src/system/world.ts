// Where one scenario takes place: its folder, its file systems, its application and its Litewake.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { type SpawnOptions, spawnWriter, type Writer, type WriterOptions } from "@litewake-tooling/testkit";
import type { Random } from "../../../testkit/writers/random.ts";
import { Application } from "./application.ts";
import { Follower, type FollowerOptions } from "./follower.ts";

/** Nobody's user and group: somebody who may less than root. */
export const NOBODY = 65_534;

export class World implements AsyncDisposable {
  readonly folder: string;
  readonly random: Random;
  /** The quick form is short; in the full form faults last longer and there is more to write. */
  readonly long: boolean;
  readonly #mounts: string[] = [];
  readonly #started: AsyncDisposable[] = [];
  /** Where the database, the replica and the local state lie; a scenario may put them elsewhere before it begins. */
  database: string;
  replica: string;
  meta: string | undefined;

  constructor(folder: string, random: Random, long: boolean) {
    this.folder = folder;
    this.random = random;
    this.long = long;
    fs.mkdirSync(this.join("data"), { recursive: true });
    this.database = this.join("data", "app.db");
    this.replica = this.join("replica");
  }

  join(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** Between the two, in milliseconds; three times as long in the full form. */
  between(least: number, most: number): number {
    return (least + this.random.below(most - least + 1)) * (this.long ? 3 : 1);
  }

  /** A file system of its own in memory, so large and no larger. Seen by this process and its children only. */
  tmpfs(name: string, bytes: number): string {
    const place = this.join(name);
    fs.mkdirSync(place, { recursive: true });
    this.mount(["-t", "tmpfs", "-o", `size=${bytes},mode=755`, "tmpfs", place], place);
    return place;
  }

  mount(args: readonly string[], place: string): void {
    execFileSync("mount", args, { stdio: "pipe" });
    this.#mounts.push(place);
  }

  /** Fails while somebody has a file open for writing there: it is tried until it works. */
  async remount(place: string, mode: "ro" | "rw"): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        execFileSync("mount", ["-o", `remount,${mode}`, place], { stdio: "pipe" });
        return;
      } catch (error) {
        if (tries > 400) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  /** The application of most scenarios: a ledger whose rows are chained by their hashes. */
  async writer(options: WriterOptions = {}, spawn: SpawnOptions = {}, database = this.database): Promise<Writer> {
    const writer = await spawnWriter("node-sqlite", database, { rate: 60, ...options }, spawn);
    this.#started.push(writer);
    return writer;
  }

  /** `litewake replicate`, started; resolves when it follows, or has ended. */
  async follower(options: FollowerOptions = {}): Promise<Follower> {
    const { database, replica, meta } = this;
    const follower = new Follower({ folder: this.folder, database, replica, meta, ...options });
    this.#started.push(follower);
    return follower.started();
  }

  /** A writer and a Litewake that has shipped what it wrote. */
  async application(writing: WriterOptions = {}, following: FollowerOptions = {}): Promise<Application> {
    const writer = await this.writer(writing);
    const application = new Application(this, writer, await this.follower(following));
    await application.goesOn();
    return application;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((started) => started[Symbol.asyncDispose]()));
    for (const place of this.#mounts.toReversed()) {
      // Lazily: a process that is just ending may still have something open there.
      try {
        execFileSync("umount", ["-l", place], { stdio: "pipe" });
      } catch {
        // Unmounted by the scenario itself.
      }
    }
  }
}
