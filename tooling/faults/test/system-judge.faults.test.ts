// The machinery itself: what it must catch, and what it must not leave behind.
import fs from "node:fs";
import path from "node:path";
import { ManagedProcess } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { sql } from "../src/system/hands.ts";
import { play } from "../src/system/run-cases.ts";
import { scenario } from "../src/system/scenario.ts";
import type { World } from "../src/system/world.ts";
import { faultsProgram } from "./system-themes.ts";

/** What the judge says of a scenario in which a promise is broken by hand. */
async function verdictOf(act: (world: World) => Promise<void>): Promise<string> {
  const { why } = await play({ scenario: scenario("wrong", act), seed: 1 }, false);
  return why ?? "nothing";
}

function lastSegment(replica: string): string {
  const names = fs.readdirSync(replica, { recursive: true, encoding: "utf8" });
  return path.join(
    replica,
    names
      .filter((name) => name.includes("/wal/") && name.endsWith(".lz4"))
      .sort()
      .at(-1) ?? "",
  );
}

describe.concurrent("the judge catches", () => {
  it("a commit that is not in the replica", async () => {
    const why = await verdictOf(async (world) => {
      const application = await world.application();
      await application.writer.stop();
      await application.ships(application.writer.committed());
      await application.follower.stop();
      fs.rmSync(lastSegment(world.replica));
      await application.same();
    });
    expect(why).toMatch(/differs from the live database: table ledger: the first has more/);
  });

  it("a row that changed without a commit that was followed", async () => {
    const why = await verdictOf(async (world) => {
      const application = await world.application();
      await application.writer.stop();
      await application.follower.stop();
      sql(world.database, "update ledger set hash = 'other' where seq = 2");
      await application.same();
    });
    expect(why).toMatch(/row 2 differs/);
  });

  it("a Litewake that is gone", async () => {
    const why = await verdictOf(async (world) => {
      const application = await world.application();
      await application.follower.process.kill9();
      await application.goesOn();
    });
    expect(why).toMatch(/Litewake ended/);
  });

  it("a generation that began without a reason that was foreseen", async () => {
    const why = await verdictOf(async (world) => {
      const application = await world.application();
      await application.end({ generations: [/holds no generation yet/, /another/] });
    });
    expect(why).toMatch(/generations began for \["the replica holds no generation yet"\], expected/);
  });

  it("an error that the application met", async () => {
    const why = await verdictOf(async (world) => {
      const application = await world.application();
      sql(world.database, "create trigger no before insert on ledger begin select raise(abort, 'not now'); end");
      await new Promise((resolve) => setTimeout(resolve, 300));
      sql(world.database, "drop trigger no");
      await application.goesOn();
      await application.end();
    });
    expect(why).toMatch(/the application met "(not now|database is locked)"/);
  });
});

it("leaves no mount and no loop device, also when it is killed", async () => {
  const args = ["system", "--quick", "--seed", "1", "--only", "target-disk-dies", "--only", "target-full", "--json"];
  await using run = new ManagedProcess(process.execPath, [faultsProgram, ...args]);
  const loops = () =>
    fs.readdirSync("/sys/block").flatMap((name) => {
      const file = `/sys/block/${name}/loop/backing_file`;
      return fs.existsSync(file) ? [fs.readFileSync(file, "utf8")] : [];
    });
  const ours = () => loops().filter((file) => file.includes("target-disk-dies"));
  await expect.poll(ours, { timeout: 60_000, interval: 20 }).not.toEqual([]);
  expect(fs.readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("litewake-system");
  await run.kill9();
  await expect.poll(ours, { timeout: 60_000 }).toEqual([]);
});
