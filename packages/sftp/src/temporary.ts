// Names of objects that are still being written.
import { randomBytes } from "node:crypto";

/** No name of a replica looks like this. */
const pattern = /^\.litewake-[0-9a-f]{24}\.tmp$/;

/** A name that nobody else makes. */
export function temporaryName(): string {
  return `.litewake-${randomBytes(12).toString("hex")}.tmp`;
}

/** Whether a file's name is one of an object that is not whole yet. */
export function isTemporary(name: string): boolean {
  return pattern.test(name);
}
