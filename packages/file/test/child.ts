// Starts a program of these tests in another process, as another user where the tests run as root.
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const isRoot: boolean = process.getuid?.() === 0;

/** Nobody: a user who owns nothing. A test that already runs without privileges needs no other user. */
export const nobody: { readonly uid?: number; readonly gid?: number } = isRoot ? { uid: 65_534, gid: 65_534 } : {};

export function startProgram(name: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const program = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url));
  return spawn(process.execPath, ["--conditions=@litewake/source", program, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
}

/** What the program printed, as JSON. Rejects with what it said on stderr if it failed. */
export async function resultOf(child: ChildProcess): Promise<unknown> {
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout?.on("data", (data: Buffer) => output.push(data));
  child.stderr?.on("data", (data: Buffer) => errors.push(data));
  const [code]: unknown[] = await once(child, "close");
  if (code !== 0) throw new Error(`the program ended with ${String(code)}: ${Buffer.concat(errors).toString()}`);
  return JSON.parse(Buffer.concat(output).toString());
}
