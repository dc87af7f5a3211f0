// The servers of the tests: where they answer, and what a test does to them.
export { azurite, gcs, minio, sftp, toxiproxy } from "./endpoints.ts";
export { minioBinary, openSsh, type OpenSsh } from "./binaries.ts";
export { credentialsUnder, minioClient, temporaryCredentials, type TemporaryCredentials } from "./set-up.ts";
export { type FaultProxy, faultProxy, type Toxic } from "./fault-proxy.ts";
export { freePort, OwnMinio } from "./own-minio.ts";
