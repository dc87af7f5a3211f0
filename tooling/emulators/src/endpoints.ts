// Where the servers of the tests answer and what they ask for. The same in each way of starting them; an endpoint given
// in the environment takes the place of a server of ours.
import path from "node:path";
import { cacheFolder } from "@litewake-tooling/testkit/repository";

/** What the servers keep: binaries, keys, files. Ignored by git. */
export const emulatorFolder: string = path.join(cacheFolder, "emulators");

const sftpFolder = path.join(emulatorFolder, "sftp");

/** S3: MinIO. The user may do everything. */
export const minio = {
  endpoint: process.env["LITEWAKE_TEST_MINIO"] ?? "http://127.0.0.1:19000",
  region: "us-east-1",
  accessKeyId: "litewake",
  secretAccessKey: "litewake-test-secret",
  /** Made at start, empty at first. */
  bucket: "litewake",
} as const;

/** Google Cloud Storage: fake-gcs-server, which asks for no credentials. */
export const gcs = {
  endpoint: process.env["LITEWAKE_TEST_GCS"] ?? "http://127.0.0.1:14443",
  projectId: "litewake",
  bucket: "litewake",
} as const;

/** Azure Blob Storage: Azurite, with the account that it always has (its key is published). */
export const azurite = {
  /** Without the account's name at the end. */
  endpoint: process.env["LITEWAKE_TEST_AZURITE"] ?? "http://127.0.0.1:10100",
  accountName: "devstoreaccount1",
  accountKey: "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
  container: "litewake",
} as const;

/** SFTP: OpenSSH's sshd with internal-sftp, public keys only. */
export const sftp = {
  host: "127.0.0.1",
  port: 10_022,
  /** The user as whom sshd runs: `www-data` when root starts it (sshd without root serves itself only). */
  user: process.getuid?.() === 0 ? "www-data" : (process.env["USER"] ?? "nobody"),
  /** Private keys, both allowed: a plain one, and one with a passphrase. */
  keyPath: path.join(sftpFolder, "client_key"),
  lockedKeyPath: path.join(sftpFolder, "client_key_locked"),
  passphrase: "litewake test passphrase",
  /** A private key that the server does not know. */
  strangerKeyPath: path.join(sftpFolder, "stranger_key"),
  /** A known_hosts file that holds this server's key, for `[127.0.0.1]:10022`. */
  knownHostsPath: path.join(sftpFolder, "known_hosts"),
  /** The server's public key, in OpenSSH's form. */
  hostKeyPath: path.join(sftpFolder, "host_key.pub"),
  /** A folder on the server that the user may write into; outside of the repository, since others' homes are closed. */
  root: "/tmp/litewake-sftp-root",
} as const;

/** toxiproxy: its control API. Proxies are made by the tests, on ports from 18100. */
export const toxiproxy = { api: "http://127.0.0.1:18474" } as const;
