// A server that cannot say who it is gets nothing, from any store that can be somewhere else than at its vendor's; who turns
// that off is told so.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { abs } from "@litewake/abs";
import type { Backend, SettingValue } from "@litewake/core/backend";
import { gcs } from "@litewake/gcs";
import { s3 } from "@litewake/s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/read-config.ts";

let folder: TempDir;
let server: https.Server;
let endpoint = "";
let asked = 0;

beforeAll(async () => {
  folder = tempDir("tls");
  const [key, cert] = [folder.join("key.pem"), folder.join("cert.pem")];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  execFileSync("openssl", [...request, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  server = https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, (_request, response) => {
    asked += 1;
    response.writeHead(403).end();
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  endpoint = `https://localhost:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  folder.remove();
});

const keys = { "access-key-id": "id", "secret-access-key": "secret" };
const azure = { "account-name": "acc", "account-key": "a2V5a2V5" };

async function failure(backend: Backend, settings: Readonly<Record<string, SettingValue>>, env = {}): Promise<unknown> {
  const client = await backend.open({ settings: { bucket: "bbb", ...settings }, env });
  try {
    return await client.get("a").catch((error: unknown) => error);
  } finally {
    await client.close();
  }
}

describe("a server whose certificate is its own", () => {
  it.each([
    ["s3", s3, () => failure(s3, { endpoint, ...keys })],
    ["abs", abs, () => failure(abs, { endpoint, ...azure })],
    ["gcs", gcs, () => failure(gcs, {}, { STORAGE_EMULATOR_HOST: endpoint })],
  ] as const)("is refused in one line by %s, before anything is asked", async (_name, _backend, fail) => {
    asked = 0;
    const error = await fail();
    expect(error).toMatchObject({ code: "InvalidConfig", retryable: false });
    expect(String(error)).toMatch(
      /^ReplicaError: .*the server's certificate is signed by itself; give its CA by ca-file/,
    );
    expect(asked).toBe(0);
  });

  it.each([
    ["s3, by its CA", () => failure(s3, { endpoint, ...keys, "ca-file": folder.join("cert.pem") })],
    ["s3, by skip-verify", () => failure(s3, { endpoint, ...keys, "skip-verify": true })],
    ["abs, by its CA", () => failure(abs, { endpoint, ...azure, "ca-file": folder.join("cert.pem") })],
  ])("is asked where that is wished: %s", async (_name, fail) => {
    asked = 0;
    expect(await fail()).toMatchObject({ code: "Denied" });
    expect(asked).toBeGreaterThan(0);
  });
});

it("what turns the check off is warned of, with its place", () => {
  const dbs = (line: string) => `dbs:\n  - path: /a.db\n    replica:\n      ${line}\n`;
  const warnings = (text: string) =>
    readConfig({ file: "x.yml", text, env: {}, expandEnv: false, cwd: "/", moreSettings: { sftp: ["host-key-check"] } })
      .warnings;
  expect(warnings(dbs("url: s3://b/p\n      skip-verify: true"))).toEqual([
    expect.stringMatching(/^x.yml:5:7: skip-verify: whoever answers is taken for the store/),
  ]);
  expect(warnings(dbs("url: sftp://u@h/p\n      host-key-check: off"))).toEqual([
    expect.stringMatching(/^x.yml:5:7: host-key-check: whoever answers is taken for the server/),
  ]);
  const fleet =
    "replication:\n  enabled: true\n  shard_count: 1\n  replica_url: s3://b/p\n  settings:\n    skip-verify: true\n";
  expect(warnings(fleet)).toHaveLength(1);
  expect(warnings(dbs("url: s3://b/p\n      skip-verify: false"))).toEqual([]);
});
