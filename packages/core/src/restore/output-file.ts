// The database file that a restore makes: under a temporary name until it is whole, durable, and only then under its own.
import fs from "node:fs";
import { type FileHandle, lstat, link, mkdir, open, rename, rm, unlink } from "node:fs/promises";
import path from "node:path";
import { LitewakeError } from "../errors.ts";
import { step } from "../steps.ts";
import { removeLeftBehind, temporaryName } from "./left-behind.ts";

const SIDECARS = ["-wal", "-shm", "-journal"];

/** Throws kind `refused` when the output, or a file that SQLite would mix into it, is there already. */
export async function checkOutput(output: string): Promise<void> {
  if (await exists(output)) {
    throw new LitewakeError("refused", `${output} exists already`, {
      next: "restore to another path, or move it away first",
    });
  }
  for (const suffix of SIDECARS) {
    const sidecar = `${output}${suffix}`;
    if (!(await exists(sidecar))) continue;
    throw new LitewakeError("refused", `${sidecar} is left from another database and would be taken for this one's`, {
      next: "move it away first",
    });
  }
}

/** What a file keeps when it is renamed and loses when it is written to. Nanoseconds and inode as decimal text. */
export interface FileStamp {
  readonly ino: string;
  readonly size: number;
  readonly mtimeNs: string;
}

/** A file that is removed unless it was published. Errors of the disk come out as kind `database`, one line. */
export class OutputFile implements AsyncDisposable {
  /** Where the file will be. */
  readonly output: string;
  /** Where it is now. */
  readonly temporary: string;
  readonly #handle: FileHandle;
  /** Nobody wants it after a power loss. */
  readonly #scratch: boolean;
  #open = true;
  #published = false;

  private constructor(output: string, temporary: string, handle: FileHandle, scratch: boolean) {
    this.output = output;
    this.temporary = temporary;
    this.#handle = handle;
    this.#scratch = scratch;
  }

  /** Creates missing folders, for the user alone, and the temporary file. `mode` is subject to the umask; `scratch`: it is never synced. */
  static async create(
    output: string,
    { mode, scratch = false }: { readonly mode: number; readonly scratch?: boolean },
  ): Promise<OutputFile> {
    await checkOutput(output);
    await removeLeftBehind(output);
    const temporary = `${temporaryName(output)}.tmp`;
    try {
      await mkdir(path.dirname(output), { recursive: true, mode: 0o700 });
      return new OutputFile(output, temporary, await open(temporary, "wx+", mode), scratch);
    } catch (error) {
      throw outputError(error, output);
    }
  }

  /** A name beside the output for what is too large for memory. */
  get spoolPath(): string {
    return this.temporary.replace(/\.tmp$/, ".spool.tmp");
  }

  /** The one that it lies in. */
  get folder(): string {
    return path.dirname(this.temporary);
  }

  /** Of the temporary file, for another thread; valid until `publish` or the disposal. */
  get descriptor(): number {
    return this.#handle.fd;
  }

  /** Writes parts one behind the other. Blocks the thread: for many small writes, which cost less that way. */
  writeNow(parts: readonly Uint8Array[], position: number): void {
    let rest = parts;
    let at = position;
    while (rest.length > 0) {
      const written = fs.writevSync(this.#handle.fd, rest, at);
      at += written;
      rest = behind(rest, written);
    }
  }

  async truncate(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes);
  }

  /** Brings everything written so far to the disk. */
  async sync(): Promise<void> {
    if (!this.#scratch) await this.#handle.sync();
  }

  /**
   * Gives the synced file its name, and syncs the folder. Refuses when something took the name meanwhile. Answers what the
   * file was as nobody else could yet have opened it.
   */
  async publish(): Promise<FileStamp> {
    try {
      const { ino, size, mtimeNs } = await this.#handle.stat({ bigint: true });
      await this.#close();
      await checkOutput(this.output);
      await this.#takeName();
      step("restore:named");
      this.#published = true;
      if (!this.#scratch) await syncFolder(path.dirname(this.output));
      return { ino: String(ino), size: Number(size), mtimeNs: String(mtimeNs) };
    } catch (error) {
      throw outputError(error, this.output);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    if (!this.#published) await rm(this.temporary, { force: true });
  }

  // A link fails where the name is taken, a rename replaces; but not every file system has links.
  async #takeName(): Promise<void> {
    try {
      await link(this.temporary, this.output);
    } catch (error) {
      if (errnoOf(error) === "EEXIST")
        throw new LitewakeError("refused", `${this.output} exists already`, { cause: error });
      await rename(this.temporary, this.output);
      return;
    }
    await unlink(this.temporary);
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }
}

const reasons: Readonly<Record<string, readonly [why: string, next: string]>> = {
  ENOSPC: ["the disk is full", "make room, or restore to another disk"],
  EDQUOT: ["the quota is used up", "make room, or restore to another disk"],
  EFBIG: ["the file system takes no file of this size", "restore to another disk"],
  EACCES: ["permission denied", "run as a user who may write there"],
  EPERM: ["permission denied", "run as a user who may write there"],
  EROFS: ["the file system is read-only", "restore to another path"],
  ENOTDIR: ["a part of the path is a file", "restore to another path"],
  EEXIST: ["a part of the path is a file", "restore to another path"],
};

/** A failure of the disk as one line of kind `database`; anything else is passed on. */
export function outputError(error: unknown, output: string): unknown {
  const code = errnoOf(error);
  if (error instanceof LitewakeError || code === undefined) return error;
  const [why, next] = reasons[code] ?? [error instanceof Error ? error.message : code, "look at the disk"];
  return new LitewakeError("database", `${output} cannot be written: ${why}`, { next, cause: error });
}

function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function behind(parts: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let left = written;
  let at = 0;
  for (; at < parts.length; at++) {
    const length = parts[at]?.byteLength ?? 0;
    if (left < length) break;
    left -= length;
  }
  const first = parts[at];
  return first === undefined ? [] : [first.subarray(left), ...parts.slice(at + 1)];
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw outputError(error, file);
  }
}

/** Makes a rename in the folder survive a power loss, where the file system can. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, "r");
  } catch {
    return; // Windows opens no folder; its renames are journalled.
  }
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems have no fsync of a folder.
    if (errnoOf(error) !== "EINVAL" && errnoOf(error) !== "ENOTSUP" && errnoOf(error) !== "EPERM") throw error;
  } finally {
    await handle.close();
  }
}
