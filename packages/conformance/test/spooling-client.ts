// A right client whose objects lie in temporary files: the right answer to the case that the memory client fails.
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { ReplicaClient } from "@litewake/core/backend";
import { memoryClient } from "@litewake/conformance";
import { override } from "./wrong/wrong-client.ts";

/** Holds one object, on disk. */
export async function spoolingClient(): Promise<ReplicaClient> {
  const folder = await mkdtemp(path.join(tmpdir(), "litewake-kit-"));
  const file = path.join(folder, "object");
  return override(memoryClient(), {
    put: async (_key, body) => {
      await pipeline(body instanceof Uint8Array ? [body] : body, createWriteStream(file));
      const { size, mtime } = await stat(file);
      return { size, modifiedAt: mtime };
    },
    get: async () => createReadStream(file),
    close: () => rm(folder, { recursive: true, force: true }),
  });
}
