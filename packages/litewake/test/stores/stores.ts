// The five stores as a user names them: a URL, and an environment with credentials; and as stock Litestream 0.3 does.
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { azurite, gcs, minio, sftp } from "@litewake-tooling/emulators";

export interface Store {
  readonly name: string;
  /** A place of its own in the store, as on the command line. */
  url(): string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The replica entry of a litestream.yml for such a URL, for 0.3.13. */
  litestream(url: string): readonly string[];
}

const NO_CONFIG = { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };
const unique = (): string => `trip-${randomUUID().slice(0, 8)}`;
const pathOf = (url: string): string => new URL(url).pathname;

export const stores: readonly Store[] = [
  {
    name: "file",
    url: () => `file:///tmp/litewake-trip/${unique()}`,
    env: NO_CONFIG,
    litestream: (url) => ["type: file", `path: ${pathOf(url)}`],
  },
  {
    name: "s3",
    url: () => `s3://${minio.bucket}/${unique()}/shard_0`,
    env: {
      ...NO_CONFIG,
      AWS_ENDPOINT_URL_S3: minio.endpoint,
      AWS_ACCESS_KEY_ID: minio.accessKeyId,
      AWS_SECRET_ACCESS_KEY: minio.secretAccessKey,
      AWS_REGION: minio.region,
    },
    litestream: (url) => [
      "type: s3",
      `bucket: ${minio.bucket}`,
      `path: ${pathOf(url).slice(1)}`,
      `endpoint: ${minio.endpoint}`,
      `region: ${minio.region}`,
    ],
  },
  {
    name: "gcs",
    url: () => `gcs://${gcs.bucket}/${unique()}/shard_0`,
    env: { ...NO_CONFIG, STORAGE_EMULATOR_HOST: new URL(gcs.endpoint).host },
    litestream: (url) => ["type: gcs", `bucket: ${gcs.bucket}`, `path: ${pathOf(url).slice(1)}`],
  },
  {
    name: "abs",
    url: () => `abs://${azurite.container}/${unique()}/shard_0`,
    env: {
      ...NO_CONFIG,
      AZURE_STORAGE_CONNECTION_STRING: [
        "DefaultEndpointsProtocol=http",
        `AccountName=${azurite.accountName}`,
        `AccountKey=${azurite.accountKey}`,
        `BlobEndpoint=${azurite.endpoint}/${azurite.accountName};`,
      ].join(";"),
    },
    litestream: (url) => [
      "type: abs",
      `bucket: ${azurite.container}`,
      `path: ${pathOf(url).slice(1)}`,
      `account-name: ${azurite.accountName}`,
      `account-key: ${azurite.accountKey}`,
      `endpoint: ${azurite.endpoint}/${azurite.accountName}`,
    ],
  },
  {
    name: "sftp",
    url: () =>
      `sftp://${sftp.user}@${sftp.host}:${sftp.port}${sftp.root}/${unique()}/shard_0?key-path=${sftp.keyPath}&known-hosts=${sftp.knownHostsPath}`,
    env: NO_CONFIG,
    litestream: (url) => [
      "type: sftp",
      `host: ${sftp.host}:${sftp.port}`,
      `user: ${sftp.user}`,
      `key-path: ${sftp.keyPath}`,
      `path: ${pathOf(url)}`,
    ],
  },
];

/** A litestream.yml with one database and one replica. */
export function litestreamConfig(database: string, store: Store, url: string): string {
  const lines = store.litestream(url).map((line, i) => `      ${i === 0 ? "- " : "  "}${line}`);
  return `dbs:\n  - path: ${database}\n    replicas:\n${lines.join("\n")}\n        sync-interval: 100ms\n`;
}

/** What the tests left in local folders. */
export function removeLocalTrips(): void {
  fs.rmSync("/tmp/litewake-trip", { recursive: true, force: true });
}
