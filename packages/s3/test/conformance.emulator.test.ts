// The kit over the S3 backend, against MinIO.
import { randomUUID } from "node:crypto";
import { describeConformance } from "@litewake/conformance/vitest";
import { s3 } from "@litewake/s3";
import { minio } from "@litewake-tooling/emulators";

const run = randomUUID().slice(0, 8);
let roots = 0;

function open(settings: Record<string, string> = {}) {
  roots += 1;
  const url = `s3://${minio.bucket}/kit-${run}/${roots}?endpoint=${minio.endpoint}`;
  const keys = { "access-key-id": minio.accessKeyId, "secret-access-key": minio.secretAccessKey };
  return s3.open({ url, settings: { ...keys, ...settings }, env: {} });
}

const wrong = "wrong-secret-access-key";

describeConformance({
  name: "@litewake/s3 on MinIO",
  open: () => open(),
  denied: () => open({ "secret-access-key": wrong }),
  secrets: [minio.secretAccessKey, wrong],
});
