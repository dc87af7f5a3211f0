// The S3 backend: Amazon S3 and the stores that speak its protocol.
import type { Backend } from "@litewake/core/backend";
import { S3ReplicaClient } from "./client.ts";
import { s3Options, s3Settings } from "./options.ts";

export { S3ReplicaClient } from "./client.ts";
export { type S3Options, s3Options } from "./options.ts";

/** `s3://bucket/prefix?region=&endpoint=&…`, or `bucket:` and `path:` in the configuration. Opening touches no network. */
export const s3: Backend = {
  type: "s3",
  schemes: ["s3"],
  settings: s3Settings,
  open: async (location) => new S3ReplicaClient(s3Options(location)),
};
