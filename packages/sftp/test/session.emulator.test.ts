// Logging in, the server's key, drops and races, against OpenSSH; and servers that offer less, made of ssh2's own server.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import net, { type AddressInfo } from "node:net";
import { randomUUID } from "node:crypto";
import { type ByteStream, type ReplicaClient, retrying } from "@litewake/core/backend";
import { sftp } from "@litewake/sftp";
import { openSsh, sftp as server } from "@litewake-tooling/emulators";
import { type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fingerprint } from "../src/known-hosts.ts";

let folder: TempDir;
const opened: ReplicaClient[] = [];

beforeEach(() => {
  folder = tempDir("sftp");
});

afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
  folder.remove();
});

async function open(settings: Record<string, string> = {}, env: Record<string, string> = {}): Promise<ReplicaClient> {
  const place = {
    host: `${server.host}:${server.port}`,
    user: server.user,
    path: `${server.root}/session-${randomUUID()}`,
  };
  const client = await sftp.open({
    settings: { ...place, "key-path": server.keyPath, "known-hosts": server.knownHostsPath, ...settings },
    env,
  });
  opened.push(client);
  return client;
}

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const works = async (client: ReplicaClient): Promise<void> => {
  await client.put("a/object", Buffer.from("x"));
  expect((await collect(await client.get("a/object"))).toString()).toBe("x");
};

const hostKey = Buffer.from(
  fs.existsSync(server.hostKeyPath) ? (fs.readFileSync(server.hostKeyPath, "utf8").split(" ")[1] ?? "") : "",
  "base64",
);

describe("the server's key", () => {
  it("that is not known is refused, and the line says how to accept it", async () => {
    const file = folder.join("known_hosts");
    fs.writeFileSync(file, "");
    const client = await open({ "known-hosts": file });
    await expect(client.get("a")).rejects.toMatchObject({
      code: "Denied",
      retryable: false,
      message: expect.stringContaining(
        `the server's key ${fingerprint(hostKey)} is not known; after comparing it: ssh-keyscan -p ${server.port} ${server.host} >> ${file}`,
      ),
    });
    expect(fs.readFileSync(file, "utf8")).toBe("");
  });

  it("that is not known is added where that was asked for, and known from then on", async () => {
    const file = folder.join("ssh/known_hosts");
    await works(await open({ "known-hosts": file, "host-key-check": "accept-new" }));
    expect(fs.readFileSync(file, "utf8")).toBe(fs.readFileSync(server.knownHostsPath, "utf8"));
    await works(await open({ "known-hosts": file }));
  });

  it("that was changed is refused, also with accept-new, naming the line", async () => {
    const file = folder.join("known_hosts");
    const other = Buffer.from(hostKey);
    other[other.byteLength - 1] = (other.at(-1) ?? 0) ^ 1;
    fs.writeFileSync(file, `# ours\n[${server.host}]:${server.port} ssh-ed25519 ${other.toString("base64")}\n`);
    for (const check of ["strict", "accept-new"]) {
      const client = await open({ "known-hosts": file, "host-key-check": check });
      await expect(client.get("a")).rejects.toMatchObject({
        code: "Denied",
        message: expect.stringContaining(`but ${file}:2 knows it by ${fingerprint(other)}`),
      });
    }
  });

  it("may be pinned by its fingerprint or by itself", async () => {
    await works(await open({ "known-hosts": "", "host-key": fingerprint(hostKey) }));
    await works(await open({ "known-hosts": "", "host-key": fs.readFileSync(server.hostKeyPath, "utf8").trim() }));
    const client = await open({ "known-hosts": "", "host-key": `SHA256:${"A".repeat(43)}` });
    await expect(client.get("a")).rejects.toMatchObject({
      code: "Denied",
      message: expect.stringContaining("not the one that host-key: names"),
    });
  });

  it("is not looked at where that was asked for", async () => {
    await works(await open({ "known-hosts": "", "host-key-check": "off" }));
  });
});

describe("a login", () => {
  it("with a key that has a passphrase works", async () => {
    await works(await open({ "key-path": server.lockedKeyPath, "key-passphrase": server.passphrase }));
  });

  it("by an agent works", async () => {
    const socket = folder.join("agent");
    const { sshAgent, sshAdd, env } = await openSsh();
    const said = execFileSync(sshAgent, ["-a", socket, "-s"], { encoding: "utf8", env: { ...process.env, ...env } });
    const pid = /SSH_AGENT_PID=(\d+)/.exec(said)?.[1] ?? "";
    try {
      execFileSync(sshAdd, ["-q", server.keyPath], { env: { ...process.env, ...env, SSH_AUTH_SOCK: socket } });
      await works(await open({ "key-path": "" }, { SSH_AUTH_SOCK: socket }));
    } finally {
      process.kill(Number(pid));
    }
  });

  it("that the server refuses is Denied, in one line", async () => {
    const client = await open({ "key-path": server.strangerKeyPath });
    await expect(client.get("a")).rejects.toMatchObject({
      code: "Denied",
      message: `get a: ${server.user}@${server.host}:${server.port}: the server accepts neither key nor password of this user`,
    });
  });
});

/** A wire to the server that can be cut. */
async function wire(): Promise<{ port: number; cut: () => void; refuse: () => void; connections: () => number }> {
  const sockets = new Set<net.Socket>();
  let made = 0;
  let refusing = false;
  const proxy = net.createServer((socket) => {
    if (refusing) return void socket.destroy();
    made += 1;
    const onward = net.connect(server.port, server.host);
    for (const end of [socket, onward]) {
      sockets.add(end);
      end
        .on("error", () => {})
        .on("close", () => {
          socket.destroy();
          onward.destroy();
        });
    }
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  proxy.unref();
  return {
    port: (proxy.address() as AddressInfo).port,
    cut: () => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    refuse: () => {
      refusing = true;
    },
    connections: () => made,
  };
}

describe("a connection that drops", () => {
  it("fails what is under way with Unavailable, and the next call makes another", async () => {
    const { port, cut, connections } = await wire();
    const client = await open({ host: `127.0.0.1:${port}`, "host-key-check": "off", "known-hosts": "" });
    await works(client);
    const body = async function* () {
      yield new Uint8Array(100_000);
      cut();
      yield new Uint8Array(100_000);
      yield new Uint8Array(100_000);
    };
    await expect(client.put("a/cut", body())).rejects.toMatchObject({ code: "Unavailable", retryable: true });
    await works(client);
    expect(connections()).toBe(2);
    const keys: string[] = [];
    for await (const { key } of client.list("")) keys.push(key);
    expect(keys).toEqual(["a/object"]);
  });

  it("in the middle of a get is mended by a retry, where it broke", async () => {
    const { port, cut } = await wire();
    const client = await open({ host: `127.0.0.1:${port}`, "host-key-check": "off", "known-hosts": "" });
    const bytes = Buffer.alloc(20 << 20, "litewake");
    await client.put("big", bytes);
    const chunks: Uint8Array[] = [];
    let received = 0;
    for await (const chunk of await retrying(client).get("big")) {
      chunks.push(chunk);
      received += chunk.byteLength;
      if (received > 5 << 20 && received < (5 << 20) + 40_000) cut();
    }
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  it("during a delete fails the delete: what is not deleted is not said to be", async () => {
    const { port, cut } = await wire();
    const client = await open({ host: `127.0.0.1:${port}`, "host-key-check": "off", "known-hosts": "" });
    await client.put("a/object", Buffer.from("x"));
    const deleting = client.delete(["a/object"]);
    cut();
    await expect(deleting).rejects.toMatchObject({ code: "Unavailable", retryable: true });
  });

  it("for good is Unavailable", async () => {
    const { port, cut, refuse } = await wire();
    const client = await open({ host: `127.0.0.1:${port}`, "host-key-check": "off", "known-hosts": "" });
    await works(client);
    refuse();
    cut();
    await expect
      .poll(() =>
        client.get("a").then(
          () => "",
          (error: { code: string }) => error.code,
        ),
      )
      .toBe("Unavailable");
  });
});

it("a folder that may not be written to is Denied", async () => {
  const client = await open({ path: "/litewake-no-such-root" });
  await expect(client.put("a", new Uint8Array(1))).rejects.toMatchObject({ code: "Denied" });
});

it("what a killed writer left is never listed, and is removed by a put an hour later", async () => {
  const root = `${server.root}/killed-${randomUUID()}`;
  const client = await open({ path: root });
  await client.put("a/object", Buffer.from("x"));
  const [old, young] = ["0", "1"].map((digit) => `${root}/a/.litewake-${digit.repeat(24)}.tmp`) as [string, string];
  for (const file of [old, young]) fs.writeFileSync(file, "half");
  fs.utimesSync(old, new Date(), new Date(Date.now() - 3_700_000));
  const keys: string[] = [];
  for await (const { key } of client.list("")) keys.push(key);
  expect(keys).toEqual(["a/object"]);
  const next = await open({ path: root });
  await next.put("a/other", Buffer.from("y"));
  await expect.poll(() => fs.existsSync(old)).toBe(false);
  expect(fs.existsSync(young)).toBe(true);
});
