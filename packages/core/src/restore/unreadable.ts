// What a failure means while an object is read: damage has a place, what network and disk failed with is passed on.
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";
import { type Fault, type RefusedPlace, RestoreRefusal } from "./refusal.ts";

/** What went wrong while an object was read, with its place. Failures of network and disk are passed on. */
export function unreadable(error: unknown, kind: "snapshot" | "segment", place: RefusedPlace, fault?: Fault): unknown {
  const options = { fault, cause: error };
  if (error instanceof RestoreRefusal) return error;
  if (error instanceof LitewakeError && error.kind === "damaged") {
    return new RestoreRefusal("damaged", `the ${kind} cannot be read, ${error.message}`, place, options);
  }
  if (error instanceof Error && error.name === "Lz4Error") {
    return new RestoreRefusal("damaged", `the ${kind} cannot be read, ${error.message}`, place, options);
  }
  if (ReplicaError.is(error, "NotFound")) {
    return new RestoreRefusal("damaged", `the ${kind} was listed but is not there`, place, options);
  }
  return error;
}
