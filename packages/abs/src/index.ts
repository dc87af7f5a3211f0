// The Azure Blob Storage backend.
import type { Backend } from "@litewake/core/backend";
import { AbsClient } from "./client.ts";
import { absOptions, absSettings } from "./options.ts";

export { AbsClient } from "./client.ts";
export { type AbsOptions, absOptions } from "./options.ts";

/** `abs://container/prefix` or `abs://account@container/prefix`, or `bucket:` and `path:`. Opening touches no network. */
export const abs: Backend = {
  type: "abs",
  schemes: ["abs"],
  settings: absSettings,
  open: async (location) => AbsClient.open(absOptions(location)),
};
