// Folders for tests, each with an empty replica root inside, removed at the end.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { FileClient, type FileClientOptions } from "@litewake/file";

/** Makes clients with roots of their own. */
export class Roots {
  #made = 0;
  readonly #base: Promise<string> = mkdtemp(path.join(tmpdir(), "litewake-file-"));

  async root(): Promise<string> {
    this.#made += 1;
    return path.join(await this.#base, `replica-${this.#made}`);
  }

  async client(options: Omit<FileClientOptions, "root"> = {}): Promise<{ client: FileClient; root: string }> {
    const root = await this.root();
    return { client: new FileClient({ root, ...options }), root };
  }

  async remove(): Promise<void> {
    await rm(await this.#base, { recursive: true, force: true });
  }
}

/** Every path below a folder, temporaries included, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).toSorted();
}
