// Who holds a lease: enough to name the process to a person, and to tell on the same host that it is dead.
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";

export interface Owner {
  /** Drawn for each process. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Names the boot and the PID namespace in which `pid` means something; "" where that is not known. */
  readonly space: string;
  /** When the process began, in the kernel's ticks since the boot; "" where that is not known. */
  readonly began: string;
}

export function thisOwner(): Owner {
  return {
    id: randomBytes(8).toString("hex"),
    host: os.hostname(),
    pid: process.pid,
    space: pidSpace(),
    began: beganAt(process.pid),
  };
}

/** Whether the owner is certainly dead: it ran here, and its process is gone. False where that cannot be told. */
export function isDead(owner: Owner): boolean {
  if (owner.space === "" || owner.began === "" || owner.space !== pidSpace()) return false;
  return beganAt(owner.pid) !== owner.began;
}

export function describeOwner({ host, pid }: Owner): string {
  return `process ${pid} on ${host}`;
}

function pidSpace(): string {
  try {
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${fs.readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return "";
  }
}

/** Field 22 of proc(5)'s stat; a zombie does not count as running. "" where there is no such process. */
function beganAt(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? "" : (fields[19] ?? "");
  } catch {
    return "";
  }
}
