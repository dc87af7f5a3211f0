// The tail that is kept of a WAL which is about to begin anew.
import { tempDir } from "@litewake-tooling/testkit";
import { expect, it } from "vitest";
import { Spool, WalCut } from "../../src/database/spool.ts";
import type { WalFile } from "../../src/database/wal-file.ts";

/** A log of which the file holds so many bytes only. */
function walOf(bytes: number): WalFile {
  const read = (into: Uint8Array, offset: number): number => {
    const count = Math.max(0, Math.min(into.byteLength, bytes - offset));
    into.fill(7, 0, count);
    return count;
  };
  return { path: "app.db-wal", read } as unknown as WalFile;
}

it("says that the file was cut, by which a rotation is known to be none; what it has is what was there", () => {
  using folder = tempDir("spool");
  const spool = Spool.create(folder.path, "1-32.wal", 32);
  expect(() => spool.extend(walOf(4152), 12_392)).toThrow(WalCut);
  expect(spool.end).toBe(4152);
  spool.extend(walOf(20_000), 12_392);
  expect(spool.end).toBe(12_392);
  const back = new Uint8Array(100);
  expect(spool.read(back, 12_300)).toBe(92);
  spool.discard();
});
