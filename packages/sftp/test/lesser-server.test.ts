// A server without OpenSSH's extensions, and one that asks for a password: ssh2's own server over a folder of this host.
import fs from "node:fs";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { generateKeyPairSync } from "node:crypto";
import { type ReplicaClient, ReplicaError } from "@litewake/core/backend";
import { sftp } from "@litewake/sftp";
import { type TempDir, tempDir } from "@litewake-tooling/testkit";
import ssh2, { type SFTPWrapper } from "ssh2";
import { afterEach, beforeEach, expect, it } from "vitest";

const { STATUS_CODE } = ssh2.utils.sftp;
const PASSWORD = "correct horse";

let folder: TempDir;
let server: ssh2.Server;
let port: number;
let client: ReplicaClient | undefined;

/** The few requests of SFTP version 3 that a replica needs; a rename refuses a target that is there, as the draft wants it. */
function serve(session: SFTPWrapper): void {
  const handles = new Map<number, { file: string; fd: number | undefined; read: boolean }>();
  let made = 0;
  const handleOf = (entry: { file: string; fd: number | undefined }): Buffer => {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(made);
    handles.set(made, { ...entry, read: false });
    made += 1;
    return handle;
  };
  const attempt = (id: number, work: () => void): void => {
    try {
      work();
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      session.status(id, missing ? STATUS_CODE.NO_SUCH_FILE : STATUS_CODE.FAILURE);
    }
  };
  const entryOf = (handle: Buffer) => {
    const entry = handles.get(handle.readUInt32BE());
    if (entry === undefined) throw new Error("no such handle");
    return entry;
  };
  const attrs = (stats: fs.Stats) => ({
    mode: stats.mode,
    uid: stats.uid,
    gid: stats.gid,
    size: stats.size,
    atime: stats.atimeMs / 1000,
    mtime: stats.mtimeMs / 1000,
  });
  const done = (id: number) => session.status(id, STATUS_CODE.OK);
  session.on("OPEN", (id, file, flags) =>
    attempt(id, () => session.handle(id, handleOf({ file, fd: fs.openSync(file, flags === 1 ? "r" : "wx") }))),
  );
  session.on("CLOSE", (id, handle) =>
    attempt(id, () => {
      const { fd } = entryOf(handle);
      if (fd !== undefined) fs.closeSync(fd);
      done(id);
    }),
  );
  session.on("WRITE", (id, handle, offset, bytes) =>
    attempt(id, () => {
      fs.writeSync(entryOf(handle).fd ?? -1, bytes, 0, bytes.byteLength, offset);
      done(id);
    }),
  );
  session.on("READ", (id, handle, offset, length) =>
    attempt(id, () => {
      // Less than was asked for, as a server may.
      const bytes = Buffer.alloc(Math.min(length, 5000));
      const got = fs.readSync(entryOf(handle).fd ?? -1, bytes, 0, bytes.byteLength, offset);
      if (got === 0) session.status(id, STATUS_CODE.EOF);
      else session.data(id, bytes.subarray(0, got));
    }),
  );
  session.on("FSTAT", (id, handle) =>
    attempt(id, () => session.attrs(id, attrs(fs.fstatSync(entryOf(handle).fd ?? -1)))),
  );
  session.on("STAT", (id, file) => attempt(id, () => session.attrs(id, attrs(fs.statSync(file)))));
  session.on("MKDIR", (id, place) => attempt(id, () => (fs.mkdirSync(place), done(id))));
  session.on("RMDIR", (id, place) => attempt(id, () => (fs.rmdirSync(place), done(id))));
  session.on("REMOVE", (id, file) => attempt(id, () => (fs.unlinkSync(file), done(id))));
  session.on("RENAME", (id, from, to) =>
    attempt(id, () => {
      fs.linkSync(from, to);
      fs.unlinkSync(from);
      done(id);
    }),
  );
  session.on("OPENDIR", (id, place) =>
    attempt(id, () => {
      fs.readdirSync(place);
      session.handle(id, handleOf({ file: place, fd: undefined }));
    }),
  );
  session.on("READDIR", (id, handle) =>
    attempt(id, () => {
      const entry = entryOf(handle);
      if (entry.read) {
        session.status(id, STATUS_CODE.EOF);
        return;
      }
      entry.read = true;
      session.name(
        id,
        fs.readdirSync(entry.file).map((filename) => ({
          filename,
          longname: filename,
          attrs: attrs(fs.statSync(path.join(entry.file, filename))),
        })),
      );
    }),
  );
}

beforeEach(async () => {
  folder = tempDir("sftp-lesser");
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  server = new ssh2.Server({ hostKeys: [privateKey] }, (connection) => {
    connection.on("authentication", (context) =>
      context.method === "password" && context.password === PASSWORD ? context.accept() : context.reject(["password"]),
    );
    connection.on("ready", () =>
      connection.on("session", (accept) => accept().on("sftp", (acceptSftp) => serve(acceptSftp()))),
    );
    connection.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});

afterEach(async () => {
  await client?.close();
  server.close();
  folder.remove();
});

async function open(password: string): Promise<ReplicaClient> {
  client = await sftp.open({
    url: `sftp://ada:${encodeURIComponent(password)}@127.0.0.1:${port}${folder.path}/root?host-key-check=off`,
    settings: {},
    env: { HOME: folder.path },
  });
  return client;
}

it("without posix-rename, fsync and full reads it serves all the same", async () => {
  const store = await open(PASSWORD);
  const bytes = Buffer.alloc(200_000, "litewake");
  for (const content of [bytes, Buffer.from("shorter"), bytes]) await store.put("a/object", content);
  const chunks: Uint8Array[] = [];
  for await (const chunk of await store.get("a/object")) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  await expect(store.put("a/object", Buffer.from("rival"), { ifAbsent: true })).rejects.toMatchObject({
    code: "Conflict",
  });
  const keys: string[] = [];
  for await (const { key } of store.list("")) keys.push(key);
  expect(keys).toEqual(["a/object"]);
  await store.delete(["a/object"]);
  expect(fs.existsSync(folder.join("root/a"))).toBe(false);
});

it("a wrong password is Denied and never shown", async () => {
  const store = await open("battery staple");
  const error: unknown = await store.get("a").catch((reason: unknown) => reason);
  if (!ReplicaError.is(error, "Denied")) throw new Error(`not denied: ${String(error)}`);
  expect(error.message + store.url).not.toContain("staple");
});
