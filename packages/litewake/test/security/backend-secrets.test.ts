// No error of a backend says a secret: whatever place it was given at, whatever the store answers, all that hangs on the
// error included. The stores here answer with all that they were asked, headers and all, as the worst of them might.
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tempDir, type TempDir } from "@litewake-tooling/testkit";
import { abs } from "@litewake/abs";
import type { Backend, ReplicaLocation, SettingValue } from "@litewake/core/backend";
import { gcs } from "@litewake/gcs";
import { s3 } from "@litewake/s3";
import { sftp } from "@litewake/sftp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Canary, canary, canaryKey, leaksIn, told } from "./canaries.ts";

type Answer = (asked: string, response: http.ServerResponse) => void;

/** Failure classes of a store over HTTP; `asked` is all that it was sent. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  "denied, with what was asked": (asked, response) =>
    response
      .writeHead(403, { "content-type": "text/plain", "x-ms-error-code": encodeURIComponent(asked).slice(0, 900) })
      .end(asked),
  "bad request in XML": (asked, response) =>
    response
      .writeHead(400, { "content-type": "application/xml" })
      .end(`<?xml version="1.0"?><Error><Code>Odd</Code><Message>${escaped(asked)}</Message></Error>`),
  "bad request in JSON": (asked, response) =>
    response
      .writeHead(400, { "content-type": "application/json" })
      .end(JSON.stringify({ error: { message: asked, errors: [{ reason: asked }], code: 400 } })),
  "out of order": (asked, response) => response.writeHead(500).end(asked),
  "a redirect to itself": (asked, response) =>
    response.writeHead(301, { location: `/?${encodeURIComponent(asked)}` }).end(asked),
  "no XML and no JSON": (asked, response) => response.writeHead(200).end(`<<<${asked}`),
  "a cut connection": (_asked, response) => void response.socket?.destroy(),
};

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

let server: http.Server;
let port = 0;
let answer: Answer = () => {};
let folder: TempDir;

beforeAll(async () => {
  folder = tempDir("canaries");
  server = http.createServer((request, response) => {
    request.resume().on("end", () => answer(`${request.url}\n${JSON.stringify(request.headers)}`, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  folder.remove();
});

interface Case {
  readonly backend: Backend;
  readonly canaries: readonly Canary[];
  readonly location: (endpoint: string) => Partial<ReplicaLocation>;
}

const secret = canary("secret");
const token = canary("token");
const key32 = canaryKey("key", 32);
const signature = canary("signature");
const password = canary("password");
const accountKey = canaryKey("account", 48);

const amazon = { bucket: "b", "access-key-id": "AKID" } as const;
const azure = { bucket: "bbb", "account-name": "acc" } as const;
const server1 = { host: "127.0.0.1:1", user: "u", path: "/p" } as const;

function settings(values: Readonly<Record<string, SettingValue>>): Partial<ReplicaLocation> {
  return { settings: values };
}

const CASES: Readonly<Record<string, Case>> = {
  "S3, settings": {
    backend: s3,
    canaries: [secret, token, key32],
    location: (endpoint) =>
      settings({
        ...amazon,
        endpoint,
        "secret-access-key": secret.value,
        "session-token": token.value,
        "sse-customer-key": key32.value,
      }),
  },
  "S3, environment": {
    backend: s3,
    canaries: [secret, token],
    location: (endpoint) => ({
      url: `s3://b/p?endpoint=${endpoint}`,
      env: { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: secret.value, AWS_SESSION_TOKEN: token.value },
    }),
  },
  "Azure, key": {
    backend: abs,
    canaries: [accountKey],
    location: (endpoint) => settings({ ...azure, endpoint, "account-key": accountKey.value }),
  },
  "Azure, signature": {
    backend: abs,
    canaries: [signature],
    location: (endpoint) =>
      settings({ ...azure, endpoint, "sas-token": `sv=2024-01-01&sig=${encodeURIComponent(signature.value)}` }),
  },
  "Azure, connection string": {
    backend: abs,
    canaries: [accountKey],
    location: (endpoint) => ({
      url: "abs://bbb/p",
      env: {
        AZURE_STORAGE_CONNECTION_STRING: `AccountName=acc;AccountKey=${accountKey.value};BlobEndpoint=${endpoint}/acc`,
      },
    }),
  },
  "Google, key file": {
    backend: gcs,
    canaries: [secret],
    location: (endpoint) => {
      const file = folder.join("key.json");
      const content = { type: "service_account", client_email: "a@b", private_key: secret.value, private_key_id: "i" };
      fs.writeFileSync(file, JSON.stringify(content));
      return settings({ bucket: "bbb", endpoint, "key-file": file });
    },
  },
  "SFTP, password": {
    backend: sftp,
    canaries: [password],
    location: (endpoint) =>
      settings({ ...server1, host: new URL(endpoint).host, password: password.value, "host-key-check": "off" }),
  },
  "SFTP, URL": {
    backend: sftp,
    canaries: [password],
    location: (endpoint) => ({
      url: `sftp://u:${encodeURIComponent(password.value)}@${new URL(endpoint).host}/p?host-key-check=off`,
    }),
  },
};

/** What every verb throws, and the client's own words about itself. */
async function everything({ backend, location }: Case, endpoint: string): Promise<string> {
  const said: string[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      said.push(told(error), error instanceof Error ? `${error.stack}` : "");
    }
  };
  await attempt(async () => {
    const client = await backend.open({ settings: {}, env: {}, ...location(endpoint) });
    said.push(client.url, client.type);
    await attempt(async () => {
      for await (const object of client.list("")) said.push(object.key);
    });
    await attempt(async () => {
      for await (const _ of await client.get("a/b")) break;
    });
    await attempt(() => client.put("a/b", Buffer.from("x"), { ifAbsent: client.capabilities.putIfAbsent }));
    await attempt(() => client.delete(["a/b"]));
    await client.close();
  });
  return said.join("\n");
}

/** What is no SSH is waited for in vain: one kind of it will do. */
const answersFor = ({ backend }: Case) =>
  Object.entries(ANSWERS).filter(([name]) => backend !== sftp || name === "a cut connection");

describe.each(Object.entries(CASES))("%s: no error says a secret, from a store that answers", (_, one) => {
  it.each(answersFor(one))("%s", { timeout: 60_000 }, async (_name, how) => {
    answer = how;
    const said = await everything(one, `http://127.0.0.1:${port}`);
    expect(said).not.toBe("");
    expect(leaksIn(said, one.canaries)).toEqual([]);
  });

  it("nothing, since nobody listens", { timeout: 60_000 }, async () => {
    expect(leaksIn(await everything(one, "http://127.0.0.1:1"), one.canaries)).toEqual([]);
  });
});

/** Places at which a secret does not belong, but is put. */
const MISPLACED: readonly (readonly [backend: Backend, location: Partial<ReplicaLocation>])[] = [
  [s3, { url: `s3://AKID:${secret.value}@b/p` }],
  [s3, { url: `s3://AKID:${encodeURIComponent(secret.value)}@b/p` }],
  [s3, { url: `s3://b/p?secret-access-key=${encodeURIComponent(secret.value)}` }],
  [s3, { url: `s3://b/p?secretAccessKey=${encodeURIComponent(secret.value)}` }],
  [s3, settings({ bucket: "b", endpoint: `https://k:${secret.value}@h` })],
  [s3, settings({ bucket: "b", endpoint: `https://h/?token=${secret.value}` })],
  [s3, settings({ bucket: "b", "secret-access-key": secret.value })],
  [s3, settings({ bucket: "b", "sse-customer-key": secret.value })],
  [abs, { url: `abs://acc:${secret.value}@bbb/p` }],
  [abs, { url: `abs://acc@bbb/p?sas-token=${encodeURIComponent(secret.value)}` }],
  [abs, { url: `abs://acc@bbb/p?sv=1&sig=${encodeURIComponent(secret.value)}` }],
  [abs, settings({ bucket: "bbb", "connection-string": secret.value })],
  [abs, settings({ ...azure, "account-key": secret.value })],
  [gcs, { url: `gcs://${secret.value.replaceAll("/", "")}@b/p` }],
  [gcs, { url: `gcs://b/p?key=${encodeURIComponent(secret.value)}` }],
  [sftp, { url: `sftp://u:${secret.value}@h/p` }],
  [sftp, { url: `sftp://u@h/p?password=${encodeURIComponent(secret.value)}` }],
  [sftp, { url: `sftp://u:a?${secret.value}@127.0.0.1:1/p` }],
  [sftp, settings({ ...server1, password: secret.value, "known-hosts": "/nowhere" })],
];

it.each(MISPLACED.map(([backend, location], n) => ({ n, backend, location })))(
  "misplaced, $n: the refusal does not say it",
  { timeout: 60_000 },
  async ({ backend, location }) => {
    const said = await everything({ backend, canaries: [secret], location: () => location }, "");
    expect(leaksIn(said, [secret])).toEqual([]);
  },
);

it("the search finds what it is to find", () => {
  const { value } = secret;
  const basic = Buffer.from(`user:${value}`).toString("base64");
  for (const text of [value, `x=${encodeURIComponent(value)}`, `Basic ${basic}`, Buffer.from(value).toString("hex")])
    expect(leaksIn(text, [secret])).toEqual(["secret"]);
  expect(
    leaksIn(told(Object.assign(new Error("x"), { cause: { request: { headers: { a: value } } } })), [secret]),
  ).toEqual(["secret"]);
});
