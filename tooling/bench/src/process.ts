// What the operating system says of processes: time, CPU and memory.
import fs from "node:fs";
import path from "node:path";
import { runToEnd } from "@litewake-tooling/testkit";

/** Seconds; megabytes of 2^20 bytes. */
export interface Measured {
  readonly seconds: number;
  readonly cpu: number;
  readonly peakMb: number;
}

const TICKS_PER_SECOND = 100;
const LIMIT_MS = 30 * 60_000;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs a program to its end. Fails where that is not well, with what it said. */
export async function measured(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Measured> {
  const script = path.join(import.meta.dirname, "measured.py");
  const { stdout, stderr } = await runToEnd("python3", [script, ...command], { env, timeoutMs: LIMIT_MS });
  const { code, ...figures } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Measured & { code: number };
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
  return figures;
}

/** CPU seconds that a process has used so far, with its threads. */
export function cpuSeconds(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process, now and at its highest. Megabytes of 2^20 bytes. */
export function memoryMb(pid: number): { readonly now: number; readonly peak: number } {
  const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { now: of("VmRSS"), peak: of("VmHWM") };
}
