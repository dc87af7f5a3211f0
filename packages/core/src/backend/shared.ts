// What clients of one store can have in common: an SDK's client, its sockets, its credentials. A configuration may name a
// hundred databases in one bucket, and an SDK's client takes a third of a megabyte.
import { createHash } from "node:crypto";

interface Shared<T> {
  readonly connection: T;
  users: number;
}

/** A connection that perhaps others use too. */
export interface Share<T> {
  readonly connection: T;
  /** Closes the connection where nobody else uses it. May be called again. */
  release(): void;
}

/** Of one backend, in one process. */
export class SharedConnections<T extends { close(): void }> {
  readonly #shared = new Map<string, Shared<T>>();

  /** Shares the connection made by the same options, or makes it. `options`: all that tells one connection from another. */
  take(options: object, make: () => T): Share<T> {
    // Short, and no secret in clear: options may hold keys, and all certificates of a machine.
    const key = createHash("sha256").update(JSON.stringify(options)).digest("base64");
    const shared = this.#shared.get(key) ?? { connection: make(), users: 0 };
    this.#shared.set(key, shared);
    shared.users += 1;
    let held = true;
    return {
      connection: shared.connection,
      release: () => {
        if (!held) return;
        held = false;
        shared.users -= 1;
        if (shared.users > 0) return;
        this.#shared.delete(key);
        shared.connection.close();
      },
    };
  }
}
