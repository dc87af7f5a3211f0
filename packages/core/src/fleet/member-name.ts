// Which names a database may have in a fleet's replica: each is also a path below the folder of the databases, wherever the
// replica, which somebody else may have written, is restored.
import path from "node:path";
import { keyProblem } from "../backend/key.ts";
import { LitewakeError } from "../errors.ts";
import { OWN_PREFIX } from "../replica/layout.ts";

/** Whether a name is a path that leads nowhere but below its folder, and to no hidden file there. */
export function isMemberName(name: string): boolean {
  if (keyProblem(name) !== undefined || `${name}/`.startsWith(OWN_PREFIX)) return false;
  if (path.sep === "\\" && /[\\:]/.test(name)) return false;
  return name.split("/").every((part) => !part.startsWith("."));
}

/** Throws kind `damaged` for a name, read in the object `where`, that no database of a fleet has. */
export function requireMemberName(name: string, where: string): void {
  if (isMemberName(name)) return;
  throw new LitewakeError(
    "damaged",
    `${where} names a database ${JSON.stringify(name)}, which is no path below a folder`,
    {
      next: "it is not litewake that wrote this; see who else may write to the replica",
    },
  );
}
