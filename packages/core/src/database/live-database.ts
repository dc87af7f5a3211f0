// The database file of a running application: proved to be one, in WAL mode, with the connections a follower needs.
import fs from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { LitewakeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { Checkpointer } from "./checkpointer.ts";
import { ReadMark } from "./read-mark.ts";
import { connect, isBusy, isNotADatabase, requireSafeSqlite, shrinkMemory } from "./sqlite.ts";
import { faultLine, isSystemFault } from "./system-fault.ts";
import { WalFile } from "./wal-file.ts";

const MAGIC = "SQLite format 3\0";

/** What tells one state of a database file from another without reading it. Nanoseconds as decimal text. */
export interface FileIdentity {
  readonly ino: string;
  readonly size: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

export function identityOf(path: string): FileIdentity | undefined {
  const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  return {
    ino: String(stat.ino),
    size: Number(stat.size),
    mtimeNs: String(stat.mtimeNs),
    ctimeNs: String(stat.ctimeNs),
  };
}

/** Whether the file was not touched between the two looks. */
export function sameIdentity(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs
  );
}

/** Stamps of some network file systems, FAT and old ones are whole seconds, on FAT every other one. */
const COARSE_GRAIN_MS = 2000;

/**
 * Whether the file may change again and keep its stamps: they are whole seconds, and the present one is not over. Such an
 * identity is no evidence of anything.
 */
export function mayChangeUnseen({ mtimeNs, ctimeNs }: FileIdentity): boolean {
  const isCoarse = [mtimeNs, ctimeNs].every((stamp) => stamp.endsWith("000000000"));
  return isCoarse && Date.now() - Number(BigInt(mtimeNs) / 1_000_000n) < COARSE_GRAIN_MS;
}

/** Why a database cannot be followed yet, though nothing is wrong. */
export type NotYet = "missing" | "empty" | "locked";

export class LiveDatabase {
  readonly path: string;
  readonly pageSize: number;
  /**
   * Two marks, so that one is taken before the other is let go. The second one's connection is read-only and has read:
   * closed last, it leaves the WAL in place; any other last one would write it back and delete it, by name: after the file
   * was replaced, the WAL of the new database.
   */
  readonly marks: readonly [ReadMark, ReadMark];
  readonly checkpointer: Checkpointer;
  readonly wal: WalFile;
  /**
   * The database file itself, for snapshots. Kept open until every connection of this process is closed: closing any
   * descriptor of the file drops all the locks this process holds on it.
   */
  readonly descriptor: number;
  readonly #inode: string;
  /** The checkpointer's connection, which holds no mark: what it reads is how things are now. */
  readonly #free: DatabaseSync;
  #sealer: DatabaseSync | undefined;

  private constructor(path: string, descriptor: number, first: DatabaseSync) {
    this.path = path;
    this.descriptor = descriptor;
    const stat = fs.fstatSync(descriptor, { bigint: true });
    this.#inode = `${stat.dev}:${stat.ino}`;
    this.pageSize = Number(first.prepare("pragma page_size").get()?.["page_size"]);
    const open = [first];
    try {
      // Each gives back what it cached before the next is opened: memory that is freed in one piece is used again.
      shrinkMemory(first);
      const keeper = connect(path, { readOnly: true });
      open.push(keeper);
      this.marks = [new ReadMark(first), new ReadMark(keeper)];
      this.#free = connect(path);
      open.push(this.#free);
      this.checkpointer = new Checkpointer(this.#free);
      // SQLite's side files lie beside the file itself, wherever a link to it lies.
      this.wal = new WalFile(fs.realpathSync(path));
      keeper.prepare("select count(*) from sqlite_schema").get();
      this.shrink();
    } catch (error) {
      // It is tried again, perhaps often: nothing may stay open.
      for (const connection of open) connection.close();
      throw error;
    }
  }

  /** Takes the write lock for a sealed rotation or a restore point; writes nothing. */
  get sealer(): DatabaseSync {
    this.openSealer();
    if (this.#sealer === undefined) throw new Error("the sealing connection is not open");
    return this.#sealer;
  }

  /** Its first use opens the file and reads the schema: not under the locks of a whole fleet (100 ms over 1000 databases). */
  openSealer(): void {
    if (this.#sealer !== undefined) return;
    const sealer = connect(this.path);
    sealer.prepare("select count(*) from sqlite_schema").get();
    shrinkMemory(sealer);
    this.#sealer = sealer;
  }

  /**
   * Opens the file for following. Answers why not yet where it has only to be waited for; throws one clear line where it
   * is no database, or not ours to follow.
   */
  static open(path: string, logger: Logger): LiveDatabase | NotYet {
    requireSafeSqlite();
    const stat = statOf(path);
    if (stat === undefined) return "missing";
    if (stat.isDirectory()) {
      throw new LitewakeError("database", `${path} is a folder, not a database`, {
        next: "name the database file in it",
      });
    }
    let descriptor: number;
    try {
      descriptor = fs.openSync(path, "r");
    } catch (error) {
      throw unreadable(path, error);
    }
    try {
      // An application that has only just created the file may still choose its page size: nothing is written into it.
      if (fs.fstatSync(descriptor).size === 0) {
        fs.closeSync(descriptor);
        return "empty";
      }
      const head = Buffer.alloc(MAGIC.length);
      fs.readSync(descriptor, head, 0, head.byteLength, 0);
      if (head.toString("latin1") !== MAGIC) throw notADatabase(path);
      requireWritable(path);
      return new LiveDatabase(path, descriptor, connectInWalMode(path, logger));
    } catch (error) {
      fs.closeSync(descriptor);
      if (isBusy(error)) return "locked";
      if (isNotADatabase(error)) throw notADatabase(path, error);
      throw isSystemFault(error) ? unreadable(path, error) : error;
    }
  }

  /** Why the files that were opened are not the database any more; `undefined`: they are. */
  whyGone(): string | undefined {
    const stat = fs.statSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || `${stat.dev}:${stat.ino}` !== this.#inode) {
      return "the database file was deleted or replaced";
    }
    // Its schema is in it from the first commit that was written back on; whoever wants to begin anew in it is locked out
    // by our connections.
    if (stat.size === 0n) return "the database file was emptied";
    return this.wal.whereabouts() === "replaced"
      ? "the WAL file was deleted and made anew by somebody else"
      : undefined;
  }

  /** Size of the database file, without its WAL. */
  get fileBytes(): number {
    return fs.fstatSync(this.descriptor).size;
  }

  /** Whether the schema holds nothing at all, as in a database that an application has only just created. */
  isEmpty(): boolean {
    return this.#free.prepare("select 1 from sqlite_schema limit 1").get() === undefined;
  }

  /** Gives back what the connections have cached: 110 kB each, which adds up where many databases rest. */
  shrink(): void {
    for (const held of [...this.marks, this.checkpointer]) held.shrink();
    if (this.#sealer !== undefined) shrinkMemory(this.#sealer);
  }

  /** Closes every connection and leaves the WAL in place. */
  close(): void {
    const [first, keeper] = this.marks;
    keeper.release();
    first.close();
    this.#sealer?.close();
    this.checkpointer.close();
    keeper.close();
    this.wal.close();
    fs.closeSync(this.descriptor);
  }
}

/**
 * Opens the first connection. It stays open: a connection that only looks and closes may be the last one, and the last one
 * writes the WAL back and deletes it, with everything that proves where a replica stands.
 */
function connectInWalMode(path: string, logger: Logger): DatabaseSync {
  const connection = connect(path);
  try {
    const before = String(connection.prepare("pragma journal_mode").get()?.["journal_mode"]);
    if (before === "wal") return connection;
    const after = String(connection.prepare("pragma journal_mode=wal").get()?.["journal_mode"]);
    if (after !== "wal") {
      throw new LitewakeError("database", `${path} stays in journal mode ${after}`, {
        next: "Litewake needs WAL mode: is the file on a file system without shared memory?",
      });
    }
    logger("warn", "journal mode changed to WAL, which Litewake needs", { db: path, before });
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function requireWritable(path: string): void {
  try {
    fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function statOf(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw unreadable(path, error);
  }
}

const FORBIDDEN: ReadonlySet<unknown> = new Set(["EACCES", "EPERM"]);
const EXHAUSTED: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE"]);

function unreadable(path: string, cause: unknown): LitewakeError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const what = `${path} cannot be opened for reading and writing`;
  if (FORBIDDEN.has(code)) {
    const uid = process.getuid?.();
    const next = `give user ${uid ?? "that runs Litewake"} read and write permission on the file and its folder`;
    return new LitewakeError("database", what, { next, cause });
  }
  const next = EXHAUSTED.has(code)
    ? "let the process open more files (ulimit -n)"
    : "SQLite needs to read and write the file, its -wal and its -shm, and to make files in their folder";
  return new LitewakeError("database", `${what} (${faultLine(cause)})`, { next, cause });
}

function notADatabase(path: string, cause?: unknown): LitewakeError {
  return new LitewakeError("database", `${path} is not a SQLite database, or it is encrypted`, {
    next: "name a plain SQLite file; encrypted ones (SQLCipher and its like) cannot be followed",
    cause,
  });
}
