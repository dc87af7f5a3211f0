// Keeps a restore from filling a disk to the last byte: what else runs there would fail with it.
import fs from "node:fs";

/** Looked at once in so many bytes. */
const STEP_BYTES = 16 << 20;
/** Left free, of a small disk this part. */
const LEFT_BYTES = 64 << 20;
const LEFT_PART = 0.01;

type Statfs = (folder: string) => Pick<fs.StatsFs, "bavail" | "bsize" | "blocks">;

/** Told of all that is written to the file system of one folder. */
export class DiskRoom {
  readonly #folder: string;
  readonly #statfs: Statfs;
  #untilLook = STEP_BYTES;

  /** `statfs` is another one in tests. */
  constructor(folder: string, statfs: Statfs = fs.statfsSync) {
    this.#folder = folder;
    this.#statfs = statfs;
  }

  /** Throws as the disk does when it is full (ENOSPC), a little before it is. */
  take(bytes: number): void {
    this.#untilLook -= bytes;
    if (this.#untilLook > 0) return;
    this.#untilLook = STEP_BYTES;
    const { bavail, bsize, blocks } = this.#statfs(this.#folder);
    // Some network file systems know no sizes.
    if (blocks === 0 || bavail * bsize >= Math.min(LEFT_BYTES, blocks * bsize * LEFT_PART)) return;
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  }
}
