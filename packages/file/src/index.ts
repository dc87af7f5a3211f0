// The file backend: a replica in a local folder or on a network mount.
import type { Backend } from "@litewake/core/backend";
import { FileClient } from "./client.ts";
import { fileOptions, fileSettings } from "./options.ts";

export { FileClient, type FileClientOptions } from "./client.ts";
export { type FileOptions, fileOptions } from "./options.ts";

/** `file:///absolute/path`, or `path:` in the configuration. Opening touches neither disk nor network. */
export const file: Backend = {
  type: "file",
  schemes: ["file"],
  settings: fileSettings,
  open: async (location) => new FileClient(fileOptions(location)),
};
