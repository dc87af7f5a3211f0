// From the configuration's words to keys that encrypt: files are read, and the library is loaded, where age is asked for only.
import fs from "node:fs";
import { LitewakeError } from "@litewake/core";
import type { ReplicaClient } from "@litewake/core/backend";
import { AgeKeys, type AgeLibrary, encrypted } from "@litewake/core/encryption";
import type { AgeConfig } from "./config/config.ts";
import { importPackage } from "./import-package.ts";

const PACKAGE = "age-encryption";
/** A file with more in it is no file of keys. */
const MAX_FILE_BYTES = 1 << 20;

/** Throws one line that names the place, and shows nothing of a key. `from`: where the package is looked for first. */
export async function ageKeys(config: AgeConfig, from: readonly string[]): Promise<AgeKeys> {
  const identities = [...config.identities.flatMap(linesOf), ...identitiesInFile(config)];
  const recipients = config.recipients.flatMap(linesOf);
  const library = await importPackage(PACKAGE, from);
  if (library === undefined) {
    throw new LitewakeError("usage", `${config.place}: age needs the package ${PACKAGE}`, {
      next: `npm install ${PACKAGE}`,
    });
  }
  try {
    return await AgeKeys.load(library as unknown as AgeLibrary, { identities, recipients });
  } catch (error) {
    if (!(error instanceof LitewakeError)) throw error;
    throw new LitewakeError(error.kind, `${config.place}: ${error.message}`);
  }
}

/** The client's objects under these keys. */
export function encryptedWith(client: ReplicaClient, keys: AgeKeys): ReplicaClient {
  return encrypted(client, keys);
}

/** As age-keygen writes them: a key a line, comments with #. An empty text stays one: it stands for a variable that is not set. */
function linesOf(text: string): string[] {
  if (text.trim() === "") return [""];
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

function identitiesInFile({ place, identityFile: file }: AgeConfig): string[] {
  if (file === undefined) return [];
  const next = "name a file as age-keygen -o writes it";
  if (file === "")
    throw new LitewakeError("usage", `${place}: the name of the file with the age identity is empty`, { next });
  let text: string;
  try {
    if (fs.statSync(file).size > MAX_FILE_BYTES) throw Object.assign(new Error(), { code: "EFBIG" });
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const what =
      { ENOENT: "does not exist", EISDIR: "is a folder", EFBIG: "is too large for a file of keys" }[code] ??
      `cannot be read (${code})`;
    throw new LitewakeError("usage", `${place}: the file with the age identity, ${file}, ${what}`, { next });
  }
  // The first line says what else it is.
  const lines = text.trim() === "" ? [] : linesOf(text);
  if (lines.length === 0) throw new LitewakeError("usage", `${place}: ${file} holds no age identity`, { next });
  return lines;
}
