// A client that fails as a script says, for tests of what is built upon clients.
import { MemoryClient } from "@litewake/conformance";
import {
  type ByteStream,
  type CallOptions,
  type GetOptions,
  type ObjectInfo,
  type PutBody,
  type PutOptions,
  type PutResult,
  ReplicaError,
  type ReplicaErrorCode,
} from "../../src/backend.ts";

/** What happens to one call: it fails before or after it was done, or its stream breaks after so many items. */
export type Fault =
  | { readonly code: ReplicaErrorCode; readonly done?: boolean }
  | { readonly code: ReplicaErrorCode; readonly after: number };

/** Takes the faults in order, one a call; when they are used up it does as it should. */
export class FaultyClient extends MemoryClient {
  readonly faults: (Fault | undefined)[];
  readonly calls: string[] = [];

  constructor(...faults: readonly (Fault | undefined)[]) {
    super({ chunkBytes: 10 });
    this.faults = [...faults];
  }

  override async *list(prefix: string, options: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    this.calls.push(`list ${prefix}`);
    yield* broken(super.list(prefix, options), this.faults.shift(), "list");
  }

  override async get(key: string, options: GetOptions = {}): Promise<ByteStream> {
    this.calls.push(`get ${key} ${options.offset ?? 0}+${options.length ?? "all"}`);
    const fault = this.faults.shift();
    if (fault !== undefined && !("after" in fault)) throw failure(fault.code, "get");
    return broken(await super.get(key, options), fault, "get");
  }

  override put(key: string, body: PutBody, options: PutOptions = {}): Promise<PutResult> {
    this.calls.push(`put ${key}`);
    return this.#run("put", () => super.put(key, body, options));
  }

  override delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    this.calls.push(`delete ${keys.join(" ")}`);
    return this.#run("delete", () => super.delete(keys, options));
  }

  async #run<T>(operation: "put" | "delete", call: () => Promise<T>): Promise<T> {
    const fault = this.faults.shift();
    if (fault === undefined) return call();
    if ("done" in fault && fault.done === true) await call();
    throw failure(fault.code, operation);
  }
}

function failure(code: ReplicaErrorCode, operation: "list" | "get" | "put" | "delete"): ReplicaError {
  return new ReplicaError({ code, operation, reason: "as the script says" });
}

async function* broken<T>(
  items: AsyncIterable<T>,
  fault: Fault | undefined,
  operation: "list" | "get",
): AsyncGenerator<T> {
  const after = fault === undefined ? Infinity : "after" in fault ? fault.after : 0;
  let given = 0;
  for await (const item of items) {
    if (given === after) break;
    given += 1;
    yield item;
  }
  if (fault !== undefined) throw failure(fault.code, operation);
}
