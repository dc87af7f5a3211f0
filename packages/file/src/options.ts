// Where a file replica lies: the URL, the `path` setting, and what of them makes no sense.
import { homedir } from "node:os";
import path from "node:path";
import { ReplicaError, type ReplicaLocation } from "@litewake/core/backend";

export interface FileOptions {
  /** Absolute path of the replica's root folder. It need not exist: the first put creates it. */
  readonly root: string;
}

/** Every key of a replica entry that this backend reads. */
export const fileSettings: readonly string[] = ["path"];

/** Reads a location. Relative paths are taken from `cwd`. */
export function fileOptions(location: ReplicaLocation, cwd: string = process.cwd()): FileOptions {
  const { url, settings, env } = location;
  const given = settings["path"];
  if (url !== undefined) {
    if (given !== undefined)
      throw invalid(`${url} and path: ${given} both say where the replica lies; give one of them`);
    return { root: path.resolve(pathOfUrl(url)) };
  }
  if (given === undefined || given === "")
    throw invalid("a file replica needs a path: (a folder) or a url: file:///folder");
  if (typeof given !== "string") throw invalid(`path: ${given} is not text; put it in quotes`);
  if (given.includes("\0")) throw invalid("path: holds a NUL character");
  return { root: path.resolve(cwd, expandHome(given, env["HOME"])) };
}

function expandHome(given: string, home: string | undefined): string {
  if (given !== "~" && !given.startsWith("~/")) return given;
  return path.join(home === undefined || home === "" ? homedir() : home, given.slice(1));
}

/**
 * The path of a `file:` URL as Litestream takes it: percent-encoding is not decoded, and what a URL may not hold as it is
 * (a space, é) becomes percent-encoded (formats.md A2). Whoever wants such a folder by its own name uses `path`.
 */
function pathOfUrl(url: string): string {
  const rest = /^file:(.*)$/is.exec(url)?.[1];
  if (rest === undefined) throw invalid(`${url} is not a file:// URL`);
  if (!rest.startsWith("//")) throw invalid(`${url} lacks slashes: file:///${rest.replace(/^\/+/, "")}`);
  if (!rest.startsWith("///")) {
    const meant = `file:///${rest.slice(2).replace(/^localhost\//i, "")}`;
    throw invalid(`${url} names a host where a path should begin; with three slashes it is ${meant}`);
  }
  if (/[?\0]/.test(rest))
    throw invalid(`${url}: a file:// URL takes no options after ?; a folder so named is given by path:`);
  const absolute = rest
    .slice(2)
    .replaceAll(/[^A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]%#]/gu, (character) => encodeURIComponent(character));
  return process.platform === "win32" ? absolute.replace(/^\/(?=[A-Za-z]:)/, "") : absolute;
}

function invalid(reason: string): ReplicaError {
  return new ReplicaError({ code: "InvalidConfig", operation: "open", reason });
}
