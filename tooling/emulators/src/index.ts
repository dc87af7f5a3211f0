// The servers of the tests: where they answer, and what a test does to them.
export { azurite, gcs, minio, sftp, toxiproxy } from "./endpoints.ts";
