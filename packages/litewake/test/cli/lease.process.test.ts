// A lease for a database of its own (`dbs:`): kept where it is asked for, and only there.
import fs from "node:fs";
import { runLitewake, spawnLitewake, tempDir, type TempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DatabaseSync } from "node:sqlite";

let folder: TempDir;
const env = { LITEWAKE_CONFIG: undefined, LITESTREAM_CONFIG: undefined };

beforeEach(() => {
  folder = tempDir("lease");
  for (const name of ["a.db", "b.db"]) {
    using database = new DatabaseSync(folder.join(name));
    database.exec("pragma journal_mode=wal; create table t(x)");
  }
});

afterEach(() => folder[Symbol.dispose]());

/** A configuration over one of the databases; all ship to the same place. */
function configuration(name: string, lease = "lease: 2s"): string {
  const file = folder.join(`${name}.yml`);
  const replica = `{ url: "file://${folder.join("replica")}", sync-interval: 50ms${lease === "" ? "" : `, ${lease}`} }`;
  fs.writeFileSync(file, `dbs:\n  - path: ${folder.join(`${name}.db`)}\n    replicas: [${replica}]\n`);
  return file;
}

const start = (name: string, ...flags: string[]) =>
  spawnLitewake(["replicate", "-config", configuration(name), ...flags], { env });

it("keeps a second process out while the first lives, and is taken over from it on demand", async () => {
  await using first = start("a");
  await first.waitFor(/msg="snapshot written"/);
  const second = await runLitewake(["replicate", "-config", configuration("b"), "-once"], { env });
  expect({ code: second.code, stderr: second.stderr }).toEqual({
    code: 7,
    stderr: expect.stringMatching(
      /^litewake: file:\S+ is written to by process \d+ on \S+, which is alive: stop that one first, or take over from it with -take-over$/m,
    ),
  });
  await using third = start("a", "-take-over");
  await third.waitFor(/msg="the lease was taken over; waiting until its owner has noticed"/);
  await first.waitFor(/was taken over by process \d+ on .*this process writes nothing more/);
});

it("of a dead process of this host is not waited for; one that has ended leaves none", async () => {
  await using first = start("a");
  await first.waitFor(/msg="snapshot written"/);
  await first.kill9();
  const next = await runLitewake(["replicate", "-config", configuration("a"), "-once"], { env });
  expect(next).toMatchObject({ code: 0, stderr: "" });
  expect(next.stdout).not.toContain("another process holds the lease");
  expect((await runLitewake(["replicate", "-config", configuration("a"), "-once"], { env })).stdout).not.toMatch(
    /msg="[^"]*lease/,
  );
});

it("is not kept unless it is asked for: nothing but generations is in the replica", async () => {
  expect((await runLitewake(["replicate", "-config", configuration("a", ""), "-once"], { env })).code).toBe(0);
  expect(fs.readdirSync(folder.join("replica"))).toEqual(["generations"]);
});

it("of a wrong duration is refused", async () => {
  const { code, stderr } = await runLitewake(["replicate", "-config", configuration("a", "lease: soon")], { env });
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(/a\.yml:3:.*lease: "soon" is not a duration/),
  });
});
