// The program's log as lines of this process, and a judgement of each new generation.
import type { Logger } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { judgeBeginning } from "./evidence.ts";
import { say } from "./say.ts";

export class SubjectLog {
  readonly #clientOf: (replica: string) => ReplicaClient;
  readonly #judged: Promise<void>[] = [];

  /** `clientOf` gives the bare client of a replica by its name. */
  constructor(clientOf: (replica: string) => ReplicaClient) {
    this.#clientOf = clientOf;
  }

  readonly logger: Logger = (level, message, fields = {}) => {
    if (message === "new generation") {
      const client = this.#clientOf(String(fields["replica"]));
      this.#judged.push(judgeBeginning(String(fields["db"]), client, fields).then((line) => say(`begins ${line}`)));
    }
    if (level !== "debug") say(`log ${JSON.stringify({ level, message, ...fields })}`);
  };

  /** Resolves when every judgement was said. */
  async settled(): Promise<void> {
    await Promise.all(this.#judged);
  }
}
