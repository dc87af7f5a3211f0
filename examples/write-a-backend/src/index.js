// What the package exports: an object that Litewake finds by the name of the package, or by `backends:` in its configuration.
import { WebdavClient } from "./client.js";
import { webdavOptions, webdavSettings } from "./options.js";

/** @type {import("@litewake/core/backend").Backend} */
export const webdav = {
  type: "webdav",
  schemes: ["webdav", "webdavs"],
  settings: webdavSettings,
  open: async (location) => new WebdavClient(webdavOptions(location)),
};
