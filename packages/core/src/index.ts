// The face of core for applications.
export { type FailureKind, type FailureOptions, LitewakeError } from "./errors.ts";
