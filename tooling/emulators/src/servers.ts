// The servers as data: how each is started natively, and how one sees that it answers.
import { mkdirSync, rmSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { azuriteScript, gcsBinary, minioBinary, openSsh, toxiproxyBinary } from "./binaries.ts";
import { azurite, emulatorFolder, gcs, minio, sftp, toxiproxy } from "./endpoints.ts";
import { prepareSsh, ANSWERS_LIKE_SSH } from "./ssh-keys.ts";

/** A program to start. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Server {
  readonly name: "minio" | "gcs" | "azurite" | "sftp" | "toxiproxy";
  /** Set in the environment, a server that somebody else runs takes the place of ours. */
  readonly givenBy?: string;
  /** Makes the files that it reads; `launch` does so by itself. */
  prepare?(): Promise<unknown>;
  /** Gets what it needs to start, from the registries if need be. */
  launch(): Promise<Launch>;
  /** Whether it answers now. */
  healthy(): Promise<boolean>;
}

export const servers: readonly Server[] = [
  {
    name: "minio",
    givenBy: "LITEWAKE_TEST_MINIO",
    async launch() {
      return {
        command: await minioBinary(),
        args: ["server", "--quiet", "--address", hostOf(minio.endpoint), emptyFolder("minio")],
        env: { MINIO_ROOT_USER: minio.accessKeyId, MINIO_ROOT_PASSWORD: minio.secretAccessKey, MINIO_BROWSER: "off" },
      };
    },
    healthy: () => answers(`${minio.endpoint}/minio/health/ready`),
  },
  {
    name: "gcs",
    givenBy: "LITEWAKE_TEST_GCS",
    async launch() {
      const [host = "", port = ""] = hostOf(gcs.endpoint).split(":");
      const where = ["-scheme", "http", "-host", host, "-port", port, "-public-host", `${host}:${port}`];
      return { command: await gcsBinary(), args: [...where, "-backend", "memory", "-log-level", "warn"] };
    },
    healthy: () => answers(`${gcs.endpoint}/storage/v1/b?project=${gcs.projectId}`),
  },
  {
    name: "azurite",
    givenBy: "LITEWAKE_TEST_AZURITE",
    async launch() {
      const [host = "", port = ""] = hostOf(azurite.endpoint).split(":");
      const quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"];
      const where = ["--inMemoryPersistence", "--blobHost", host, "--blobPort", port];
      return { command: process.execPath, args: [await azuriteScript(), ...where, ...quiet] };
    },
    // Any answer will do: without credentials it is a refusal.
    healthy: () => answers(`${azurite.endpoint}/${azurite.accountName}?comp=list`, () => true),
  },
  {
    name: "sftp",
    prepare: prepareSsh,
    async launch() {
      const { sshd, env } = await openSsh();
      const { config, uid, gid } = await prepareSsh();
      const as = uid === undefined || gid === undefined ? {} : { uid, gid };
      return { command: sshd, args: ["-D", "-e", "-f", config], env, ...as };
    },
    healthy: () => greets(sftp.host, sftp.port, ANSWERS_LIKE_SSH),
  },
  {
    name: "toxiproxy",
    async launch() {
      const [host = "", port = ""] = hostOf(toxiproxy.api).split(":");
      return { command: await toxiproxyBinary(), args: ["-host", host, "-port", port], env: { LOG_LEVEL: "warn" } };
    },
    healthy: () => answers(`${toxiproxy.api}/version`),
  },
];

function hostOf(endpoint: string): string {
  return new URL(endpoint).host;
}

function emptyFolder(name: string): string {
  const folder = path.join(emulatorFolder, "data", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function answers(url: string, isFine: (response: Response) => boolean = ({ ok }) => ok): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return isFine(response);
  } catch {
    return false;
  }
}

function greets(host: string, port: number, pattern: RegExp): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: 2000 });
    const done = (fine: boolean) => {
      socket.destroy();
      resolve(fine);
    };
    socket.on("data", (bytes) => done(pattern.test(bytes.toString("latin1"))));
    socket
      .on("error", () => done(false))
      .on("timeout", () => done(false))
      .on("close", () => done(false));
  });
}
