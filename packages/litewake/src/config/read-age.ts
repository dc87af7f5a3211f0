// Keys of age: of a replica's `age:`, of a flag, and of the environment, where they may stay out of files and of `ps`.
import { keepSecret } from "@litewake/core/backend";
import { absolute, type PathContext } from "./absolute.ts";
import type { AgeConfig } from "./config.ts";
import type { YamlMap } from "./yaml-map.ts";

export interface AgeContext extends PathContext {
  /** A file with identities, as the command line names it. */
  readonly ageIdentity?: string | undefined;
}

const FLAG = "-age-identity";
const IDENTITY = "LITEWAKE_AGE_IDENTITY";
const IDENTITY_FILE = "LITEWAKE_AGE_IDENTITY_FILE";
const RECIPIENTS = "LITEWAKE_AGE_RECIPIENTS";

/** Undefined: not encrypted. `separator`: of words in keys, as they are written where the entry stands. */
export function readAge(entry: YamlMap, separator: "-" | "_", context: AgeContext): AgeConfig | undefined {
  if (!entry.keys().includes("age")) return ageOfFlag(context);
  const age = entry.map("age");
  const fileKey = `identity${separator}file`;
  age?.only(["identities", "recipients", fileKey], "in age");
  for (const key of ["identities", "recipients"]) {
    if (age?.keys().includes(key) === true && age.strings(key).length === 0)
      throw age.error(key, `${key} is empty`, "a variable in it may not be set; or leave the key out");
  }
  for (const identity of age?.strings("identities") ?? []) keepSecret(identity);
  const given = {
    place: entry.at("age"),
    identities: age?.strings("identities") ?? [],
    identityFile: fileOf(age?.string(fileKey), context),
    recipients: age?.strings("recipients") ?? [],
  };
  // Whoever wrote `age:` wants encryption: what is left of it must not be none.
  if (given.identities.length === 0 && given.recipients.length === 0 && given.identityFile === undefined)
    throw entry.error("age", "age: there is no key", "give identities or recipients, or remove age");
  const flag = ageOfFlag(context);
  if (flag !== undefined) return { ...flag, recipients: given.recipients };
  if (given.identities.length > 0 || given.identityFile !== undefined) return given;
  const { identities, identityFile } = ageOfEnvironment(context) ?? given;
  return { ...given, identities, identityFile };
}

/** For a URL on the command line, which has no entry. */
export function ageOfCommandLine(context: AgeContext): AgeConfig | undefined {
  const environment = ageOfEnvironment(context);
  const flag = ageOfFlag(context);
  return flag === undefined ? environment : { ...flag, recipients: environment?.recipients ?? [] };
}

function ageOfFlag(context: AgeContext): AgeConfig | undefined {
  if (context.ageIdentity === undefined) return undefined;
  return { place: FLAG, identities: [], identityFile: fileOf(context.ageIdentity, context), recipients: [] };
}

function ageOfEnvironment(context: AgeContext): AgeConfig | undefined {
  const { env } = context;
  const identity = env[IDENTITY] ?? "";
  const file = env[IDENTITY_FILE] ?? "";
  const recipients = (env[RECIPIENTS] ?? "").split(/[\s,]+/).filter((word) => word !== "");
  const names = [identity && IDENTITY, file && IDENTITY_FILE, recipients.length > 0 && RECIPIENTS];
  const place = names.find((name) => name !== "" && name !== false);
  if (typeof place !== "string") return undefined;
  keepSecret(identity);
  const identities = identity === "" ? [] : [identity];
  return { place, identities, identityFile: fileOf(file === "" ? undefined : file, context), recipients };
}

function fileOf(given: string | undefined, context: PathContext): string | undefined {
  return given === undefined ? undefined : given === "" ? "" : absolute(given, context);
}
