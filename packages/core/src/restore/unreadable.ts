// What a failure means while an object is read: damage has a place, what network and disk failed with is passed on.
import { ReplicaError } from "../backend/error.ts";
import { LitewakeError } from "../errors.ts";
import { type ProvablePoint, type RefusedPlace, RestoreRefusal } from "./refusal.ts";

/** What went wrong while an object was read, with its place. Failures of network and disk are passed on. */
export function unreadable(
  error: unknown,
  kind: "snapshot" | "segment",
  place: RefusedPlace,
  provable?: ProvablePoint,
): unknown {
  const options = { provable, cause: error };
  if (error instanceof RestoreRefusal) {
    return error.provable !== undefined || provable === undefined
      ? error
      : new RestoreRefusal("damaged", error.what, error.place, options);
  }
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
