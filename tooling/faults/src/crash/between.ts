// What happens while the follower is dead, besides a writer that goes on.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../../testkit/writers/random.ts";
import type { Application } from "./application.ts";

/** `at-once`: the next process starts at the same moment. */
export type Incident =
  | "at-once"
  | "later"
  | "writer-killed"
  | "writer-closed"
  | "writer-paused"
  | "state-cut"
  | "state-old"
  | "state-deleted"
  | "spool-cut";

export const everyIncident: readonly Incident[] = [
  "at-once",
  "later",
  "writer-killed",
  "writer-closed",
  "writer-paused",
  "state-cut",
  "state-old",
  "state-deleted",
  "spool-cut",
];

export class Between {
  readonly #meta: string;
  readonly #application: Application;
  readonly #random: Random;
  #older: Buffer | undefined;

  constructor(database: string, application: Application, random: Random) {
    this.#meta = path.join(path.dirname(database), `.${path.basename(database)}-litewake`);
    this.#application = application;
    this.#random = random;
  }

  get #stateFile(): string {
    return path.join(this.#meta, "state.json");
  }

  async happen(incident: Incident): Promise<void> {
    const random = this.#random;
    const state = fs.existsSync(this.#stateFile) ? fs.readFileSync(this.#stateFile) : undefined;
    if (incident === "later") await sleep(random.below(150));
    // Killed together with the follower, where that was reached; its end is waited for.
    else if (incident === "writer-killed") await this.#application.kill();
    else if (incident === "writer-closed") await this.#application.stop();
    // As a power loss leaves a file whose bytes were not synced: cut, old, or gone; an atomic rename does not help.
    else if (incident === "state-cut" && state !== undefined)
      fs.truncateSync(this.#stateFile, random.below(state.byteLength));
    else if (incident === "state-old" && this.#older !== undefined) {
      // Perhaps deleted before, and the process since then was killed before it made it again.
      fs.mkdirSync(this.#meta, { recursive: true });
      fs.writeFileSync(this.#stateFile, this.#older);
    } else if (incident === "state-deleted") fs.rmSync(this.#meta, { recursive: true, force: true });
    else if (incident === "spool-cut") this.#cutSpool();
    this.#older = state ?? this.#older;
    if (incident !== "writer-paused") await this.#application.start();
  }

  // The length stays and the content is gone, or the file is shorter.
  #cutSpool(): void {
    const folder = path.join(this.#meta, "spool");
    for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
      const file = path.join(folder, name);
      const { size } = fs.statSync(file);
      const kept = this.#random.below(size + 1);
      fs.truncateSync(file, kept);
      if (this.#random.below(2) === 0) fs.truncateSync(file, size);
    }
  }
}
