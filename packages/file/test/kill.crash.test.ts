// kill -9 in the middle of puts: every object that is visible is whole, and no leftover is visible.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { FileClient } from "@litewake/file";
import { startProgram } from "./child.ts";

it("a killed writer leaves whole objects only", async () => {
  const root = await mkdtemp(path.join(tmpdir(), "litewake-file-"));
  try {
    const client = new FileClient({ root });
    for (let round = 0; round < 10; round += 1) {
      const writer = startProgram("writer", [root]);
      if (writer.stdout === null) throw new Error("no output");
      await once(writer.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, round * 17));
      writer.kill("SIGKILL");
      await once(writer, "close");
      let objects = 0;
      for await (const { key, size } of client.list("")) {
        const match = /^lane-\d\/\d+-(\d+)-(\d+)$/.exec(key);
        expect(match, key).not.toBeNull();
        expect(size).toBe(Number(match?.[1]));
        let bytes = 0;
        for await (const chunk of await client.get(key)) {
          expect(chunk.every((byte) => byte === Number(match?.[2]))).toBe(true);
          bytes += chunk.byteLength;
        }
        expect(bytes).toBe(size);
        objects += 1;
      }
      expect(objects).toBeGreaterThan(0);
    }
    await client.close();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
