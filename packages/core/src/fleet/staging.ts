// Several restored files that get their names together: all of them or, after a crash too, none.
import fs from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { checkOutput, outputError, syncFolder } from "../restore/output-file.ts";
import { noteRestored, type Restored } from "../shipping/restored-state.ts";
import { step } from "../steps.ts";

/** A database that was restored whole, still under a name of its own. */
export interface Staged extends Restored {
  readonly output: string;
}

/** The name under which a database is restored before all are there. */
export function stagedName(output: string): string {
  return path.join(path.dirname(output), `.${path.basename(output)}.restoring`);
}

/** Files that are restored together, known by their journal, which lies beside the first of them. */
export class Staging {
  readonly #outputs: readonly string[];
  readonly #journal: string;

  constructor(outputs: readonly string[]) {
    this.#outputs = outputs;
    this.#journal = path.join(path.dirname(outputs[0] ?? "."), ".litewake-restore.json");
  }

  /**
   * Ends what an earlier run left: where everything had been restored, the files get their names; else what there is of
   * them is removed. Answers how many were given their names.
   */
  async recover(): Promise<number> {
    const staged = await this.#read();
    if (staged !== undefined) await this.#publish(staged);
    else await this.discard();
    return staged?.length ?? 0;
  }

  /** Gives all of them their names. From the moment the journal is durable there is no way back, only on. */
  async commit(staged: readonly Staged[]): Promise<void> {
    // All of them before the journal, since there is no way back behind it.
    for (const { output } of staged) await checkOutput(output);
    await this.#write(staged);
    await this.#publish(staged);
  }

  /** Removes what was restored so far. */
  async discard(): Promise<void> {
    for (const output of this.#outputs) await rm(stagedName(output), { force: true });
  }

  async #publish(staged: readonly Staged[]): Promise<void> {
    for (const { output, ...restored } of staged) {
      // It got its name in an earlier run. What has become of it since, nobody knows: no note that it is as it was restored.
      if (!fs.existsSync(stagedName(output))) continue;
      // Somebody may have begun a database there since the journal was written.
      await checkOutput(output);
      try {
        step("journal:renaming");
        await rename(stagedName(output), output);
        step("journal:renamed");
      } catch (error) {
        throw outputError(error, output);
      }
      noteRestored(output, restored);
    }
    for (const folder of new Set(staged.map(({ output }) => path.dirname(output)))) await syncFolder(folder);
    await rm(this.#journal, { force: true });
    step("journal:removed");
  }

  async #write(staged: readonly Staged[]): Promise<void> {
    const temporary = `${this.#journal}.tmp`;
    try {
      await mkdir(path.dirname(temporary), { recursive: true, mode: 0o700 });
      await rm(temporary, { force: true });
      const handle = await open(temporary, "wx", 0o600);
      try {
        await handle.writeFile(JSON.stringify({ version: 1, staged }));
        await handle.sync();
      } finally {
        await handle.close();
      }
      step("journal:writing");
      await rename(temporary, this.#journal);
      step("journal:written");
      await syncFolder(path.dirname(this.#journal));
    } catch (error) {
      throw outputError(error, this.#journal);
    }
  }

  async #read(): Promise<readonly Staged[] | undefined> {
    try {
      const value = JSON.parse(await readFile(this.#journal, "utf8")) as {
        version?: unknown;
        staged?: readonly Staged[];
      };
      // Renamed into place when it was whole: what is in it was written by `#write`. One that speaks of other files was not,
      // or for another configuration.
      const isOurs = value.staged?.every(({ output }) => this.#outputs.includes(output)) === true;
      return value.version === 1 && isOurs ? value.staged : undefined;
    } catch {
      return undefined;
    }
  }
}
