// Lines that are out before the next statement runs: a kill loses none of them.
import fs from "node:fs";

export function say(line: string): void {
  fs.writeSync(1, `${line}\n`);
}
