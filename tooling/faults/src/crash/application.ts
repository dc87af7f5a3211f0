// The application: a writer of the ledger that is stopped, killed and started again.
import { spawnWriter, type Writer, type WriterOptions } from "@litewake-tooling/testkit";

export class Application implements AsyncDisposable {
  readonly #database: string;
  readonly #options: WriterOptions;
  #writer: Writer | undefined;

  constructor(database: string, options: WriterOptions) {
    this.#database = database;
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#writer?.process.running === true) return;
    this.#writer = await spawnWriter("node-sqlite", this.#database, this.#options);
  }

  get pid(): number {
    if (this.#writer === undefined) throw new Error("the application was not started");
    return this.#writer.process.pid;
  }

  /** An orderly end: where nobody else has the database open, SQLite writes the WAL back and deletes it. */
  async stop(): Promise<void> {
    await this.#writer?.stop();
  }

  /** SIGKILL, if it is not dead yet; resolves when it is. */
  async kill(): Promise<void> {
    await this.#writer?.process.kill9();
  }

  pause(): void {
    this.#writer?.process.pause();
  }

  resume(): void {
    this.#writer?.process.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
