// The SFTP backend: a folder on a server that speaks SSH.
import type { Backend } from "@litewake/core/backend";
import { SftpClient } from "./client.ts";
import { sftpOptions, sftpSettings } from "./options.ts";

export { SftpClient } from "./client.ts";
export { type SftpOptions, sftpOptions } from "./options.ts";

/** `sftp://user@host:port/absolute/path`, or `host:`, `user:`, `path:` in the configuration. Opening touches no network. */
export const sftp: Backend = {
  type: "sftp",
  schemes: ["sftp"],
  settings: sftpSettings,
  open: async (location) => new SftpClient(sftpOptions(location)),
};
