// `litewake check` and `litewake doctor` against real stores: the report, the exit code, and that nothing is left behind.
import fs from "node:fs";
import { minio, minioClient } from "@litewake-tooling/emulators";
import { runLitewake, type TempDir, tempDir } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "../cli/database.ts";
import { removeLocalTrips, type Store, stores } from "./stores.ts";

let folder: TempDir;

beforeEach(() => {
  folder = tempDir("check");
});

afterEach(() => {
  folder.remove();
  removeLocalTrips();
});

const s3 = stores.find(({ name }) => name === "s3") as Store;

async function objectsBelow(url: string): Promise<string[]> {
  const found: string[] = [];
  const prefix = `${new URL(url).pathname.slice(1)}/`;
  for await (const { name } of minioClient().listObjectsV2(minio.bucket, prefix, true)) found.push(String(name));
  return found;
}

describe("check", () => {
  it.each(stores)("proves a few promises of $name", async (store) => {
    const only = "put.replaces-whole,list.order,if-absent.one-winner,abort.put";
    const result = await runLitewake(["check", "-only", only, "-json", store.url()], {
      cwd: folder.path,
      env: store.env,
    });
    expect(result.code, result.stderr).toBe(0);
    const { check } = JSON.parse(result.stdout) as {
      check: { passed: number; failed: number; results: { id: string; outcome: string }[] };
    };
    expect(check.results.map(({ id, outcome }) => `${outcome} ${id}`).toSorted()).toEqual(
      only
        .split(",")
        .map((id) => `passed ${id}`)
        .toSorted(),
    );
  });

  it("prints a line for each promise, and leaves nothing behind", async () => {
    const url = s3.url();
    const result = await runLitewake(["check", "-big", "1MiB", url], { cwd: folder.path, env: s3.env });
    expect(result.code, result.stdout).toBe(0);
    const lines = result.stdout.trimEnd().split("\n");
    expect(lines.filter((line) => line.startsWith("ok ")).length).toBeGreaterThan(50);
    // The secret came by the environment.
    expect(lines.some((line) => /^ok +errors\.no-secrets /.test(line))).toBe(true);
    expect(lines.at(-1)).toMatch(/^s3:\/\/.*: \d+ passed, 0 failed, \d+ skipped$/);
    expect(await objectsBelow(url)).toEqual([]);
  });

  it("of a store that cannot be reached is one line", async () => {
    const result = await runLitewake(["check", "s3://no-such-bucket/x"], { cwd: folder.path, env: s3.env });
    expect(result).toMatchObject({ code: 4, stdout: "" });
    expect(result.stderr).toMatch(/^litewake: [^\n]*no-such-bucket[^\n]*no such bucket[^\n]*\n$/);
  });

  it("of a case that does not exist is a mistake", async () => {
    const result = await runLitewake(["check", "-only", "no.such-case", s3.url()], { cwd: folder.path, env: s3.env });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("no.such-case");
  });
});

describe("doctor", () => {
  it.each(stores)("finds nothing wrong with $name", async (store) => {
    const result = await runLitewake(["doctor", "-json", store.url()], { cwd: folder.path, env: store.env });
    expect(result.code, result.stdout + result.stderr).toBe(0);
    const { doctor } = JSON.parse(result.stdout) as {
      doctor: { failures: number; findings: { check: string; level: string }[] };
    };
    expect(doctor.failures).toBe(0);
    expect(doctor.findings.map(({ check }) => check)).toEqual([
      "versions",
      "list",
      "put",
      "clock",
      "get",
      "range",
      "list-after-put",
      "put-if-absent",
      "latency",
      "delete",
    ]);
  });

  it("of a configuration looks at its databases too, and warns of what it finds", async () => {
    const db = openDatabase(folder.join("shop.db"), 3);
    db.close();
    const plain = openDatabase(folder.join("plain.db"), 1);
    plain.exec("pragma journal_mode = delete");
    plain.close();
    fs.writeFileSync(
      folder.join("odd.db"),
      "this is no database, and it is longer than a header of one hundred bytes would have to be to be read",
    );
    const entry = (name: string): string => `  - path: ${name}\n    replicas:\n      - url: ${s3.url()}\n`;
    fs.writeFileSync(
      folder.join("litewake.yml"),
      `dbs:\n${["shop.db", "plain.db", "odd.db", "missing.db"].map(entry).join("")}`,
    );
    const result = await runLitewake(["doctor", "-config", "litewake.yml"], { cwd: folder.path, env: s3.env });
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/shop\.db\n {2}ok {4}journal-mode +is WAL/);
    expect(result.stdout).toMatch(/plain\.db\n {2}warn {2}journal-mode +is not WAL/);
    expect(result.stdout).toMatch(/odd\.db\n {2}FAIL {2}database +is no SQLite database/);
    expect(result.stdout).toMatch(/missing\.db\n {2}warn {2}database +is not there yet/);
    expect(result.stdout.trimEnd().split("\n").at(-1)).toMatch(/^\d+ failures, \d+ warnings$/);
  });

  it("of a store with wrong credentials says so and stores nothing", async () => {
    const url = s3.url();
    const env = { ...s3.env, AWS_SECRET_ACCESS_KEY: "very-wrong-secret" };
    const result = await runLitewake(["doctor", url], { cwd: folder.path, env });
    expect(result.code).toBe(1);
    expect(result.stdout).toContain("the secret access key is wrong");
    expect(result.stdout + result.stderr).not.toContain("very-wrong-secret");
    expect(await objectsBelow(url)).toEqual([]);
  });
});
