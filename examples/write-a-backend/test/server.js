// Builds and starts the WebDAV server of test/server, which is Go's own.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

export const USER = "ada";
export const PASSWORD = "very-secret-password";

/** Serves a folder; resolves with the server's `host:port` and what stops it. */
export async function startServer(folder) {
  const program = path.join(mkdtempSync(path.join(tmpdir(), "webdav-server-")), "server");
  execFileSync("go", ["build", "-o", program, "."], {
    cwd: path.join(import.meta.dirname, "server"),
    stdio: "inherit",
  });
  const server = spawn(program, [folder, USER, PASSWORD], { stdio: ["pipe", "pipe", "inherit"] });
  const [said] = await once(server.stdout, "data");
  const [, host] = /listening on (\S+)/.exec(String(said));
  return {
    host,
    stop: async () => {
      server.stdin.end();
      await once(server, "exit");
    },
  };
}
