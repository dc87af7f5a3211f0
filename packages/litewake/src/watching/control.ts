// The socket by which `litewake status` and `litewake point` reach the process that replicates by the same configuration.
import { createHash } from "node:crypto";
import fs from "node:fs";
import { connect } from "node:net";
import os from "node:os";
import path from "node:path";
import { LitewakeError } from "@litewake/core";
import { type ServerOptions, StatusServer } from "./server.ts";

const ANSWER_MS = 60_000;

/** One for each configuration file and user, in a folder that only the user may enter. */
export function controlSocket(configFile: string): string {
  const uid = process.getuid?.() ?? 0;
  const folder = path.join(os.tmpdir(), `litewake-${uid}`);
  const name = createHash("sha256").update(path.resolve(configFile)).digest("hex").slice(0, 24);
  return process.platform === "win32" ? `\\\\.\\pipe\\litewake-${name}` : path.join(folder, `${name}.sock`);
}

/** Listens for the commands. Undefined, with a warning, where that is not possible: replication does not depend on it. */
export async function listenForCommands(configFile: string, options: ServerOptions): Promise<StatusServer | undefined> {
  const socket = controlSocket(configFile);
  try {
    if (process.platform !== "win32") await clear(socket);
    return await StatusServer.listen(socket, options);
  } catch (error) {
    options.logger("warn", "litewake status and point will not reach this process", {
      reason: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}

/** Removes what a killed process has left; refuses where one answers. */
async function clear(socket: string): Promise<void> {
  const folder = path.dirname(socket);
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!isOurs(folder)) throw new Error(`${folder} belongs to somebody else`);
  if (!fs.existsSync(socket)) return;
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connect(socket, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", () => resolve(false));
  });
  if (answers) throw new Error("another litewake replicates by the same configuration");
  fs.rmSync(socket, { force: true });
}

/** Asks the process that replicates by this configuration. Throws kind `unreachable` when there is none. */
export async function askRunning(
  configFile: string,
  method: "GET" | "POST",
  target: string,
): Promise<{ readonly ok: boolean; readonly body: Record<string, unknown> }> {
  const socketPath = controlSocket(configFile);
  if (process.platform !== "win32" && !isOurs(path.dirname(socketPath))) throw none(configFile);
  return new Promise((resolve, reject) => {
    const http = process.getBuiltinModule("node:http");
    const request = http.request({ socketPath, method, path: target, timeout: ANSWER_MS }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        try {
          const value: unknown = JSON.parse(text);
          resolve({ ok: response.statusCode === 200, body: value as Record<string, unknown> });
        } catch (cause) {
          // It ended while it answered.
          reject(none(configFile, cause));
        }
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", (cause) => reject(none(configFile, cause)));
    request.end();
  });
}

function none(configFile: string, cause?: unknown): LitewakeError {
  return new LitewakeError("unreachable", `no litewake replicates by ${configFile} on this host`, {
    next: "start litewake replicate, as the same user",
    cause,
  });
}

/** Temporary folders are everybody's: one of this name that somebody else made would answer in our stead. */
function isOurs(folder: string): boolean {
  const stat = fs.lstatSync(folder, { throwIfNoEntry: false });
  return stat !== undefined && stat.isDirectory() && stat.uid === process.getuid?.();
}
