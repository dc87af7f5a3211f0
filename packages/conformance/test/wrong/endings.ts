// Wrong at aborts, errors, secrets and handles.
import { open } from "node:fs/promises";
import { type ByteStream, type ReplicaClient, ReplicaError, type ReplicaErrorCode } from "@litewake/core/backend";
import { memoryClient } from "@litewake/conformance";
import { bytesOf, override, store, wrong, type WrongSubject } from "./wrong-client.ts";

const SECRET = "hunter2-hunter2";

function refusing(code: ReplicaErrorCode, reason: string, cause?: unknown): ReplicaClient {
  const refuse = (operation: "list" | "get" | "put" | "delete") => new ReplicaError({ code, operation, reason, cause });
  return override(memoryClient(), {
    // oxlint-disable-next-line require-yield -- it fails before the first key
    async *list() {
      throw refuse("list");
    },
    get: async () => {
      throw refuse("get");
    },
    put: async () => {
      throw refuse("put");
    },
    delete: async () => {
      throw refuse("delete");
    },
  });
}

/** Right answers for the cases that need a client with wrong credentials. */
export const rightDenied = { denied: async () => refusing("Denied", "wrong password"), secrets: [SECRET] };

const leakers: (() => Promise<void>)[] = [];
/** Closes what the leaking clients below left open. */
export async function closeLeaks(): Promise<void> {
  for (const close of leakers.splice(0)) await close();
}

async function leak(): Promise<void> {
  const handle = await open("/dev/null", "r");
  leakers.push(() => handle.close());
}

export const wrongAborts: readonly WrongSubject[] = [
  wrong("ignoresAFiredSignal", "abort.before", (right) => ({
    put: (key, body, options) => right.put(key, body, { ...options, signal: undefined }),
  })),
  wrong("truncatesOnAbort", "abort.put", (right) => ({
    put: async (key, body, options = {}) => {
      const parts: Uint8Array[] = [];
      const spied =
        body instanceof Uint8Array
          ? body
          : (async function* () {
              for await (const part of body) {
                parts.push(part);
                yield part;
              }
            })();
      try {
        return await right.put(key, spied, options);
      } catch (error) {
        if (parts.length > 0) store(right, key, Buffer.concat(parts));
        throw error;
      }
    },
  })),
  wrong("removesTheTargetOnAbort", "abort.put-keeps-old", (right) => ({
    put: async (key, body, options) => {
      try {
        return await right.put(key, body, options);
      } catch (error) {
        right.objects.delete(key);
        throw error;
      }
    },
  })),
  wrong("waitsForTheBody", "abort.put-stuck-body", (right) => ({
    put: async (key, body, options) => right.put(key, await bytesOf(body), options),
  })),
  wrong("callsAnAbortUnknown", "abort.put-at-any-moment", (right) => ({
    put: (key, body, options) =>
      right.put(key, body, options).catch((cause: unknown) => {
        throw new ReplicaError({ code: "Unknown", operation: "put", key, reason: "socket hang up", cause });
      }),
  })),
  // Nobody waits for it yet when it fails: that must not end the process that runs the kit.
  wrong("failsBeforeTheAbort", "abort.put-at-any-moment", (right) => ({
    put: async (key, body, options) => {
      if (key !== "a/49") return right.put(key, body, options);
      throw new ReplicaError({ code: "Unavailable", operation: "put", key, reason: "the folder vanished" });
    },
  })),
  wrong("endsQuietlyOnAbort", "abort.get", (right) => ({
    get: async (key, options = {}): Promise<ByteStream> => {
      const stream = await right.get(key, { ...options, signal: undefined });
      return (async function* () {
        for await (const chunk of stream) {
          if (options.signal?.aborted === true) return;
          yield chunk;
        }
      })();
    },
  })),
  wrong("listsOnAfterAbort", "abort.list", (right) => ({
    async *list(prefix, options = {}) {
      yield* right.list(prefix, { ...options, signal: options.signal?.aborted === true ? options.signal : undefined });
    },
  })),
  wrong("undoesOnALateAbort", "abort.afterwards", (right) => ({
    put: async (key, body, options = {}) => {
      const result = await right.put(key, body, options);
      options.signal?.addEventListener("abort", () => right.objects.delete(key));
      return result;
    },
  })),
  wrong("gathersListeners", "abort.many-calls-one-signal", (right) => ({
    put: (key, body, options = {}) => {
      options.signal?.addEventListener("abort", () => {});
      return right.put(key, body, options);
    },
  })),
];

export const wrongEndings: readonly WrongSubject[] = [
  {
    name: "callsDeniedUnavailable",
    caughtBy: "errors.denied",
    subject: {
      name: "callsDeniedUnavailable",
      open: async () => memoryClient(),
      denied: async () => refusing("Unavailable", "403"),
    },
  },
  {
    name: "printsItsPassword",
    caughtBy: "errors.no-secrets",
    subject: {
      name: "printsItsPassword",
      open: async () => memoryClient(),
      denied: async () =>
        refusing("Denied", "refused", Object.assign(new Error("403"), { request: { headers: { auth: SECRET } } })),
      secrets: [SECRET],
    },
  },
  {
    name: "showsItsPasswordInTheUrl",
    caughtBy: "errors.no-secrets",
    subject: {
      name: "showsItsPasswordInTheUrl",
      open: async () => override(memoryClient(), { url: `sftp://user:${SECRET}@host/` }),
      secrets: [SECRET],
    },
  },
  wrong("leaksHandlesOfLeftGets", "close.leaves-streams", (right) => ({
    get: async (key, options) => {
      await leak();
      return right.get(key, options);
    },
  })),
  wrong("leaksHandlesOfLeftLists", "close.leaves-lists", (right) => ({
    async *list(prefix, options) {
      await leak();
      yield* right.list(prefix, options);
    },
  })),
  wrong("leaksTimers", "close.lets-go", (right) => {
    const timers = [1, 2].map(() => setInterval(() => {}, 1_000_000));
    leakers.push(async () => timers.forEach((timer) => clearInterval(timer)));
    return { close: () => right.close() };
  }),
  wrong("failsToCloseTwice", "close.twice", () => {
    let isOpen = true;
    return {
      close: async () => {
        if (!isOpen) throw new Error("already closed");
        isOpen = false;
      },
    };
  }),
];
