// Inputs that are kept in the repository: those that once broke a promise, and some that lead deep.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

const FOLDER = path.resolve(import.meta.dirname, "../../corpus");

/** In order of their names. */
export function readCorpus(target: string): Uint8Array[] {
  const folder = path.join(FOLDER, target);
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .sort()
    .map((name) => fs.readFileSync(path.join(folder, name)));
}

/** Writes an input under a name made of its bytes; answers the file. */
export function keepInput(target: string, input: Uint8Array): string {
  const folder = path.join(FOLDER, target);
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, createHash("sha256").update(input).digest("hex").slice(0, 16));
  fs.writeFileSync(file, input);
  return file;
}
