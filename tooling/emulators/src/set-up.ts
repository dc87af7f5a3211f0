// Buckets and containers that the tests expect, made by clients that are not ours.
import { createRequire } from "node:module";
import { Client } from "minio";
import { azurite, gcs, minio } from "./endpoints.ts";
import { azureRequest } from "./azure-request.ts";

/** Another S3 client than the one that is tested: it sets up, and looks at our objects from outside. */
export function minioClient(endpoint: string = minio.endpoint): Client {
  const { hostname, port, protocol } = new URL(endpoint);
  return new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: protocol === "https:",
    accessKey: minio.accessKeyId,
    secretKey: minio.secretAccessKey,
    region: minio.region,
  });
}

interface RoleProvider {
  getCredentials(): Promise<{ getAccessKey(): string; getSecretKey(): string; getSessionToken(): string }>;
}

// The client's package keeps it beside its main file, without types.
const { AssumeRoleProvider } = createRequire(import.meta.url)("minio/dist/main/AssumeRoleProvider.js") as {
  AssumeRoleProvider: new (options: object) => RoleProvider;
};

export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** Credentials of a session that may do no more than `actions`, from MinIO's token service. */
export async function temporaryCredentials(actions: readonly string[]): Promise<TemporaryCredentials> {
  const statement = { Effect: "Allow", Action: actions, Resource: ["arn:aws:s3:::*"] };
  return credentialsUnder(JSON.stringify({ Version: "2012-10-17", Statement: [statement] }));
}

/** Credentials of a session under a policy, an IAM document as text. */
export async function credentialsUnder(policy: string): Promise<TemporaryCredentials> {
  const provider = new AssumeRoleProvider({
    stsEndpoint: minio.endpoint,
    accessKey: minio.accessKeyId,
    secretKey: minio.secretAccessKey,
    durationSeconds: 3600,
    policy,
  });
  const found = await provider.getCredentials();
  return {
    accessKeyId: found.getAccessKey(),
    secretAccessKey: found.getSecretKey(),
    sessionToken: found.getSessionToken(),
  };
}

/** Makes the bucket of each store if it is not there. */
export async function setUp(): Promise<void> {
  const s3 = minioClient();
  if (!(await s3.bucketExists(minio.bucket))) await s3.makeBucket(minio.bucket, minio.region);
  const bucket = await fetch(`${gcs.endpoint}/storage/v1/b?project=${gcs.projectId}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: gcs.bucket }),
  });
  if (!bucket.ok && bucket.status !== 409) throw new Error(`fake-gcs-server made no bucket: ${await bucket.text()}`);
  const container = await azureRequest("PUT", `/${azurite.container}`, { restype: "container" });
  if (container !== 201 && container !== 409) throw new Error(`Azurite made no container: it answered ${container}`);
}
