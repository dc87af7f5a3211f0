// What killed restores have left beside an output.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { tempDir } from "@litewake-tooling/testkit";
import { expect, it } from "vitest";
import { removeLeftBehind, temporaryName } from "../../src/restore/left-behind.ts";
import { OutputFile } from "../../src/restore/output-file.ts";

it("is removed by the next restore to that output, and nothing else is", async () => {
  using folder = tempDir("left");
  const output = folder.join("app.db");
  const { pid: dead } = spawnSync(process.execPath, ["--version"]);
  const stale = [`${output}.litewake-${dead}-00112233.tmp`, `${output}.litewake-${dead}-00112233.spool.tmp`];
  // A container's first process has the same number in each of its lives.
  const ofLifeBefore = `${output}.litewake-${process.pid}-44556677.tmp`;
  const kept = [
    `${output}.litewake-${process.ppid}-00112233.tmp`,
    `${temporaryName(output)}.tmp`,
    `${output}.litewake-${dead}-notes.tmp`,
    `${folder.join("other.db")}.litewake-${dead}-00112233.tmp`,
    `${output}.tmp`,
  ];
  for (const file of [...stale, ofLifeBefore, ...kept]) fs.writeFileSync(file, "half");
  const left = async (): Promise<string[]> =>
    fs
      .readdirSync(folder.path)
      .map((name) => folder.join(name))
      .sort();
  {
    await using file = await OutputFile.create(output, { mode: 0o600 });
    expect(await left()).toEqual([...kept, file.temporary].sort());
  }
  expect(await left()).toEqual(kept.toSorted());
});

it("is looked for in vain where there is no folder yet", async () => {
  using folder = tempDir("left");
  await expect(removeLeftBehind(folder.join("not/there/app.db"))).resolves.toBeUndefined();
});
