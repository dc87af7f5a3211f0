// One watch for many databases of a folder: each hears of its own files, also while a neighbour makes noise.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it, vi } from "vitest";
import { ChangeWatch } from "../../src/database/change-watch.ts";

describe("a database that is waited for", () => {
  it("wakes its follower once, and no other's", async () => {
    using folder = tempDir("watch");
    for (const name of ["a.db", "b.db"]) fs.writeFileSync(folder.join(name), "x");
    const woken: string[] = [];
    const watches = ["a.db", "b.db"].map((name) => {
      const watch = new ChangeWatch(folder.join(name));
      watch.arm(() => woken.push(name));
      return watch;
    });
    fs.writeFileSync(folder.join("b.db-wal"), "x");
    await vi.waitFor(() => expect(woken).toEqual(["b.db"]));
    fs.appendFileSync(folder.join("b.db-wal"), "x");
    await sleep(50);
    expect(woken).toEqual(["b.db"]);
    for (const watch of watches) watch.disarm();
  });

  it("is heard of while a neighbour is written to without end, and when its file appears or the folder goes", async () => {
    using folder = tempDir("noise");
    const woken: string[] = [];
    const quiet = new ChangeWatch(folder.join("quiet.db"));
    quiet.arm(() => woken.push("quiet"));
    const stays = new ChangeWatch(folder.join("stays.db"));
    stays.arm(() => woken.push("stays"));
    const noise = fs.openSync(folder.join("noise.db-wal"), "w");
    const until = Date.now() + 700;
    let written = false;
    while (Date.now() < until) {
      for (let n = 0; n < 50; n++) fs.writeSync(noise, "x");
      await sleep(1);
      if (!written && Date.now() > until - 450) {
        written = true;
        fs.writeFileSync(folder.join("quiet.db"), "here");
      }
    }
    fs.closeSync(noise);
    await vi.waitFor(() => expect(woken).toEqual(["quiet"]));
    fs.rmSync(folder.path, { recursive: true });
    await vi.waitFor(() => expect(woken).toEqual(["quiet", "stays"]));
  });

  it("keeps no timer and no watch once nobody waits", async () => {
    using folder = tempDir("idle");
    const watch = new ChangeWatch(folder.join("a.db"));
    const before = process.getActiveResourcesInfo().length;
    watch.arm(() => {});
    watch.disarm();
    await sleep(10);
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
  });
});
