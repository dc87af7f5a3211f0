// The Google Cloud Storage backend.
import type { Backend } from "@litewake/core/backend";
import { GcsClient } from "./client.ts";
import { gcsOptions, gcsSettings } from "./options.ts";

export { GcsClient } from "./client.ts";
export { type GcsOptions, gcsOptions } from "./options.ts";

/** `gcs://bucket/prefix` or `gs://…`, or `bucket:` and `path:` in the configuration. Opening touches no network. */
export const gcs: Backend = {
  type: "gcs",
  schemes: ["gcs", "gs"],
  settings: gcsSettings,
  open: async (location) => new GcsClient(gcsOptions(location)),
};
