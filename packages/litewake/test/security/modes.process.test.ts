// Whatever the umask, what Litewake makes is its user's alone: state, spool, replica, restored files and folders, journals.
import fs from "node:fs";
import path from "node:path";
import { litewakeBinary, runToEnd, tempDir } from "@litewake-tooling/testkit";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";

/** Paths below a folder that anybody but the user may do anything with. */
function open(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => (fs.lstatSync(path.join(folder, name)).mode & 0o077) !== 0);
}

/** Without any umask. */
async function litewake(cwd: string, ...args: string[]): Promise<void> {
  const script = 'umask 0; exec "$0" "$@"';
  const { code, stderr } = await runToEnd("sh", ["-c", script, process.execPath, litewakeBinary, ...args], { cwd });
  expect(code, stderr).toBe(0);
}

it("nothing that is made is open to others, though the umask forbids nothing", { timeout: 120_000 }, async () => {
  using folder = tempDir("modes");
  fs.mkdirSync(folder.join("data"), { mode: 0o700 });
  fs.writeFileSync(
    folder.join("fleet.yaml"),
    `shard_count: 2\nreplication:\n  enabled: true\n  replica_url: file://${folder.join("replica")}\n`,
    { mode: 0o600 },
  );
  for (const name of ["shard_0", "shard_1", "dlq"]) {
    const db = new DatabaseSync(folder.join("data", `${name}.db`));
    db.exec("pragma journal_mode=wal; create table t(a); insert into t values (1)");
    db.close();
    fs.chmodSync(folder.join("data", `${name}.db`), 0o600);
  }
  await litewake(folder.path, "replicate", "-once", "-config", "fleet.yaml");
  expect(fs.existsSync(folder.join("data/.shard_0.db-litewake/state.json"))).toBe(true);
  expect(open(folder.path)).toEqual([]);
  fs.rmSync(folder.join("data"), { recursive: true });
  await litewake(folder.path, "restore", "-config", "fleet.yaml");
  expect(fs.existsSync(folder.join("data/shard_1.db"))).toBe(true);
  expect(open(folder.path)).toEqual([]);
  await litewake(folder.path, "restore", "-o", "deep/er/one.db", `file://${folder.join("replica/shard_0")}`);
  expect(open(folder.path)).toEqual([]);
});
