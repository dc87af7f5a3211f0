// A MinIO of a test's own: TLS with a certificate that signs itself, and a key of its built-in KMS.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import { retrying } from "@litewake/core/backend";
import { s3 } from "@litewake/s3";
import { minio, minioBinary } from "@litewake-tooling/emulators";
import { ManagedProcess, tempDir } from "@litewake-tooling/testkit";

/** Its name in the KMS. */
export const KMS_KEY = "test-key";

export interface TlsMinio {
  readonly endpoint: string;
  /** The file of its certificate. */
  readonly certificate: string;
  /** Where it keeps what it is given, as it is on the disk. */
  readonly data: string;
  stop(): Promise<void>;
}

/** Resolves when it takes an object into the bucket that all MinIOs here have. */
export async function startTlsMinio(): Promise<TlsMinio> {
  const folder = tempDir("s3-tls");
  const certificate = folder.join("public.crt");
  makeCertificate(folder.path);
  fs.renameSync(folder.join("cert.pem"), certificate);
  fs.renameSync(folder.join("key.pem"), folder.join("private.key"));
  const port = await freePort();
  const endpoint = `https://127.0.0.1:${port}`;
  const data = folder.join("data");
  fs.mkdirSync(path.join(data, minio.bucket), { recursive: true });
  const args = ["server", "--quiet", "--certs-dir", folder.path, "--address", `127.0.0.1:${port}`, data];
  const env = {
    MINIO_ROOT_USER: minio.accessKeyId,
    MINIO_ROOT_PASSWORD: minio.secretAccessKey,
    MINIO_BROWSER: "off",
    MINIO_KMS_SECRET_KEY: `${KMS_KEY}:${randomBytes(32).toString("base64")}`,
  };
  const server = new ManagedProcess(await minioBinary(), args, { env });
  const keys = { "access-key-id": minio.accessKeyId, "secret-access-key": minio.secretAccessKey };
  const client = await s3.open({
    settings: { bucket: minio.bucket, path: "ready", endpoint, "ca-file": certificate, ...keys },
    env: {},
  });
  await retrying(client, { attempts: Infinity, totalMs: 20_000, maxDelayMs: 200 }).put("ready", new Uint8Array(1));
  await client.close();
  return {
    endpoint,
    certificate,
    data,
    async stop() {
      await server.kill9();
      folder.remove();
    },
  };
}

/** Go's own tool for it: for 127.0.0.1, and its own authority. */
function makeCertificate(folder: string): void {
  const goRoot = execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim();
  const tool = path.join(goRoot, "src/crypto/tls/generate_cert.go");
  const args = ["run", tool, "-ecdsa-curve", "P256", "-ca", "-host", "127.0.0.1"];
  execFileSync("go", args, { cwd: folder, stdio: "pipe" });
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
