// The examples of embedded mode, as they stand: they lose nothing when they are killed and their disk is wiped.
import fs from "node:fs";
import path from "node:path";
import { ManagedProcess, repositoryRoot, tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it, vi } from "vitest";

const example = path.join(repositoryRoot, "examples/embedded");
/** What `npm install` would bring. */
const PACKAGES: Readonly<Record<string, string>> = {
  litewake: "packages/litewake",
  "@litewake/file": "packages/file",
  "better-sqlite3": "tooling/testkit/node_modules/better-sqlite3",
};

function childOf(pid: number): number {
  return Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
}

describe.each(["service.js", "service-better-sqlite3.js"])("examples/embedded/%s", (service) => {
  it("has every durable note, and every other that was committed, after a kill and on an empty disk", async () => {
    using folder = tempDir("example");
    const work = folder.join("service");
    fs.cpSync(example, work, { recursive: true });
    for (const [name, from] of Object.entries(PACKAGES)) {
      const link = path.join(work, "node_modules", name);
      fs.mkdirSync(path.dirname(link), { recursive: true });
      fs.symlinkSync(path.join(repositoryRoot, from), link);
    }
    const env = { REPLICA_URL: `file://${folder.join("replica")}`, PORT: "0" };
    const litewake = path.join(repositoryRoot, "packages/litewake/bin/litewake.js");
    const start = () =>
      new ManagedProcess(process.execPath, [litewake, "init", "--", process.execPath, "--no-warnings", service], {
        cwd: work,
        env,
      });
    const urlOf = async (running: ManagedProcess): Promise<string> => {
      const line = await running.waitFor(/^listening on \d+$/);
      return `http://127.0.0.1:${line.split(" ").at(-1)}`;
    };
    await using first = start();
    const url = await urlOf(first);
    for (const text of ["one", "two"]) expect((await fetch(url, { method: "POST", body: text })).status).toBe(201);
    expect((await fetch(`${url}/?durable`, { method: "POST", body: "three" })).status).toBe(201);
    const running = childOf(first.pid);
    const engine = childOf(running);
    process.kill(running, "SIGKILL");
    expect((await first.ended).code).toBe(137);
    await vi.waitFor(() => expect(fs.existsSync(`/proc/${engine}`)).toBe(false), 10_000);
    fs.rmSync(path.join(work, "data"), { recursive: true });
    await using second = start();
    const answer = await fetch(await urlOf(second));
    expect(((await answer.json()) as { text: string }[]).map(({ text }) => text)).toEqual(["one", "two", "three"]);
    second.signal("SIGTERM");
    await second.waitFor(/^stopped; everything is in the replica$/);
    expect((await second.ended).code).toBe(0);
  });
});
