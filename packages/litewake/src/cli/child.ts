// The program that runs beside replication (`-exec`): started after it, told of signals, and its end reported truly.
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { LitewakeError } from "@litewake/core";

export interface ChildEnd {
  /** Its exit code; 128 plus the signal's number when a signal ended it. */
  readonly code: number;
}

export class Child {
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.ended = new Promise((resolve) => {
      process.once("exit", (code, signal) => {
        resolve({ code: signal === null ? (code ?? 1) : 128 + constants.signals[signal] });
      });
    });
  }

  /** Starts a command, its words split already. Throws one line when it cannot be started. */
  static async start([command = "", ...args]: readonly string[]): Promise<Child> {
    const process = spawn(command, args, { stdio: "inherit" });
    const child = new Child(process);
    await new Promise<void>((resolve, reject) => {
      process.once("spawn", resolve);
      process.once("error", (error) => {
        reject(
          new LitewakeError("usage", `the command of -exec cannot be started: ${error.message}`, {
            next: `check ${JSON.stringify(command)}`,
            cause: error,
          }),
        );
      });
    });
    return child;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }
}
