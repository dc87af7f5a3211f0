// Where a replica lies: `webdav://user@host:port/folder` over http, `webdavs://…` over https.
import { invalidConfig, keyPrefix, readUrl } from "@litewake/core/backend";

/** Every key of a replica entry that this backend reads. */
export const webdavSettings = ["user", "password"];

/**
 * @typedef {object} WebdavOptions
 * @property {string} origin Scheme, host and port.
 * @property {string} root The folder, without slashes at its ends.
 * @property {string | undefined} user
 * @property {string | undefined} password
 */

/**
 * Reads a location. Throws `InvalidConfig` with one line for what makes no sense.
 * @param {import("@litewake/core/backend").ReplicaLocation} location
 * @returns {WebdavOptions}
 */
export function webdavOptions({ url, settings: given, env }) {
  if (url === undefined) throw invalidConfig("a webdav replica needs a url: webdav://host/folder");
  // Unknown options, clashes and percent-encoding are the same for every backend, and so are their messages.
  const {
    user: login,
    host,
    path,
    settings,
  } = readUrl(url, given, {
    schemes: ["webdav", "webdavs"],
    places: [],
    options: [],
    secrets: ["password"],
  });
  if (host === "") throw invalidConfig("the URL names no host: webdav://host/folder");
  if (login?.includes(":"))
    throw invalidConfig("a password does not belong in the URL; give password: or LITEWAKE_WEBDAV_PASSWORD");
  return {
    origin: `${url.toLowerCase().startsWith("webdavs:") ? "https" : "http"}://${host}`,
    root: keyPrefix(path),
    user: login ?? settings.text("user"),
    password: settings.text("password") ?? env.LITEWAKE_WEBDAV_PASSWORD,
  };
}
