// Compiles src/codec/lz4.wat. Run as a program it writes src/codec/lz4-wasm.ts; the test compares.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import wabt from "wabt";

const text = new URL("../../src/codec/lz4.wat", import.meta.url);
const code = new URL("../../src/codec/lz4-wasm.ts", import.meta.url);

/** The compiled module as base64. */
export async function buildWasm(): Promise<string> {
  const compiler = await wabt();
  const parsed = compiler.parseWat("lz4.wat", readFileSync(text, "utf8"), { bulk_memory: true });
  return Buffer.from(parsed.toBinary({}).buffer).toString("base64");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = (await buildWasm()).match(/.{1,110}/g) ?? [];
  const body = lines.map((line) => `  "${line}"`).join(" +\n");
  writeFileSync(
    code,
    "// lz4.wat, compiled: made by `node test/codec/wasm-build.ts` in packages/core; a test compares the two.\n\n" +
      `export const LZ4_WASM: string =\n${body};\n`,
  );
}
