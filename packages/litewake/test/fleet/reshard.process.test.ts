// `litewake reshard`: another number of shards, with every row where it belongs, and the state before still restorable.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { judgeShards, shardedWriterCommand } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Container, shellLine } from "./container.ts";

const KEYS = 200;
const whole = { events: KEYS, queued: KEYS, torn: 0, misplaced: 0 };
const KEYED = "reshard: { keys: { event: key } }";
let container: Container;

beforeEach(async () => {
  container = new Container().configure(["lease: 3s"]);
  fs.mkdirSync(container.data);
  const writer = shellLine(shardedWriterCommand(container.data, 4, 1, KEYS));
  expect((await container.run("replicate", "-exec", writer)).code).toBe(0);
  container.wipe();
});

afterEach(() => container[Symbol.dispose]());

const again = (shards: number, seed: number) => shellLine(shardedWriterCommand(container.data, shards, seed, 50));
const filesIn = (): string[] =>
  fs.existsSync(container.data) ? fs.readdirSync(container.data).filter((name) => !name.endsWith("-litewake")) : [];

describe("a fleet that is resharded", () => {
  it.each([7, 2])(
    "from 4 to %i shards has every row in its shard, at once and after a restore, and goes on",
    async (to) => {
      container.configure([KEYED, "lease: 3s"], to);
      const { code, stdout, stderr } = await container.run("reshard");
      expect({ code, stderr: stderr.replaceAll(/^time=.*\n/gm, "") }).toEqual({
        code: 0,
        stderr: expect.stringMatching(
          new RegExp(
            `^litewake: 4 shards \\(epoch 1\\) to ${to} \\(epoch 2\\): every row is where its key belongs; the state before stays restorable as -point before-epoch-2-\\d+T\\d+Z\n$`,
          ),
        ),
      });
      expect(stdout).toMatch(/^event +key +200 +[0-9a-f]{32} +\d+ to \d+$/m);
      const names = ["dlq.db", ...Array.from({ length: to }, (_, n) => `shard_${n}.db`)];
      expect(filesIn().sort()).toEqual(names);
      expect(judgeShards(container.data, to)).toEqual(whole);
      const snapshots = () =>
        fs
          .readdirSync(container.replica, { recursive: true, encoding: "utf8" })
          .filter((name) => name.endsWith(".snapshot.lz4")).length;
      const before = snapshots();
      expect((await container.run("replicate", "-exec", again(to, 2))).code).toBe(0);
      // The databases go on where resharding left them.
      expect(snapshots()).toBe(before);
      container.wipe();
      expect((await container.run("restore")).code).toBe(0);
      expect(judgeShards(container.data, to)).toEqual({ events: KEYS + 50, queued: KEYS + 50, torn: 0, misplaced: 0 });
      expect((await container.run("reshard")).stderr).toMatch(/is sharded like this already; nothing to do$/m);
      // The state before, with the configuration of that time.
      container.wipe();
      const point = /-point (\S+)/.exec(stderr)?.[1] ?? "";
      const other = await container.run("restore", "-point", point);
      expect({ code: other.code, line: other.stderr }).toEqual({
        code: 7,
        line: expect.stringMatching(
          /^litewake: the point before-epoch-2-\S+ was taken with shard_count 4 and hash fnv1a-32; the configuration has \d and fnv1a-32: restore it with a configuration of that time$/m,
        ),
      });
      container.configure([], 4);
      expect((await container.run("restore")).stderr).toMatch(/shard_count is 4, but the replica .* holds \d shards/);
      expect((await container.run("restore", "-point", point)).code).toBe(0);
      expect(judgeShards(container.data, 4)).toEqual(whole);
    },
  );

  it("can go back to a point of an earlier epoch", async () => {
    container.configure([KEYED], 6);
    const { stderr } = await container.run("reshard");
    expect((await container.run("replicate", "-exec", again(6, 9))).code).toBe(0);
    container.wipe();
    container.configure([KEYED], 4);
    const point = /-point (\S+)/.exec(stderr)?.[1] ?? "";
    expect((await container.run("reshard", "-point", point)).code).toBe(0);
    expect(judgeShards(container.data, 4)).toEqual(whole);
    container.wipe();
    expect((await container.run("restore")).code).toBe(0);
    expect(judgeShards(container.data, 4)).toEqual(whole);
  });

  it("is killed at moments of chance: another run ends it, and no row is lost", async () => {
    container.configure([KEYED, "lease: 1s"], 5);
    for (let round = 0; round < 8; round++) {
      const running = container.spawn("reshard");
      await sleep(250 + 500 * Math.random());
      await running.kill9();
    }
    const last = await container.run("reshard");
    expect([last.code, last.stderr]).toEqual([0, expect.anything()]);
    // Killed while the files got their names: what is whole is there already.
    expect((await container.run("replicate", "-exec", "true")).code).toBe(0);
    expect(judgeShards(container.data, 5)).toEqual(whole);
    container.wipe();
    expect((await container.run("restore")).code).toBe(0);
    expect(judgeShards(container.data, 5)).toEqual(whole);
  });

  it("that has not ended lets nothing else start; another run ends it", async () => {
    const manifest = `${container.replica}/litewake/manifest/00000002.json`;
    container.configure([KEYED, "lease: 1s"], 5);
    // What a run leaves that was killed after it had said what it does, and before all was shipped.
    expect((await container.run("reshard")).code).toBe(0);
    const { point } = JSON.parse((await container.run("reshard", "-json")).stdout) as { point?: string };
    expect(point).toBeUndefined();
    const pin = fs.readdirSync(`${container.replica}/litewake/pins`)[0]?.replace(".json", "");
    const done = JSON.parse(fs.readFileSync(manifest, "utf8")) as object;
    fs.writeFileSync(manifest, JSON.stringify({ ...done, resharding: { fromEpoch: 1, point: pin } }));
    container.wipe();
    for (const shards of [4, 5]) {
      container.configure([KEYED, "lease: 1s"], shards);
      for (const command of ["replicate", "restore"]) {
        const { code, stderr } = await container.run(command);
        expect(code).toBe(7);
        expect(stderr).toMatch(
          /^litewake: resharding .* to 5 shards was begun and has not ended: run `litewake reshard` again, with the same configuration$/m,
        );
      }
    }
    const { code, stderr } = await container.run("reshard");
    expect(stderr).toMatch(/an earlier try did not end; it begins again from the same state/);
    expect(code).toBe(0);
    expect(judgeShards(container.data, 5)).toEqual(whole);
    container.wipe();
    expect((await container.run("replicate", "-exec", "true")).code).toBe(0);
    expect(judgeShards(container.data, 5)).toEqual(whole);
  });
});

describe("nothing is changed", () => {
  const listing = () =>
    fs
      .readdirSync(container.replica, { recursive: true, encoding: "utf8" })
      .filter((name) => !name.includes("lease") && !name.includes("probe"))
      .sort();
  const cases: [string, string[], string[], number, RegExp][] = [
    [
      "by -dry-run",
      [KEYED],
      ["-dry-run"],
      0,
      /^litewake: 4 shards \(epoch 1\) to 5 \(epoch 2\): all rows can be spread; nothing was changed \(-dry-run\)$/m,
    ],
    ["where no key is named", [], [], 2, /^litewake: nothing says where the rows of event belong/m],
    [
      "where the key is another column",
      ["reshard: { keys: { event: at } }"],
      [],
      7,
      /^litewake: shard_\d holds the key "\d+" in event, which by the hash of at belongs to shard \d/m,
    ],
    ["where there is no such point", [KEYED], ["-point", "none"], 3, /^litewake: .* holds no point named "none"/m],
    ["where the time is none", [KEYED], ["-timestamp", "now"], 2, /^litewake: -timestamp: "now" is no time/m],
    [
      "where there is another queue",
      [KEYED, "dlq: queue"],
      [],
      7,
      /^litewake: the replica .* holds the dead letter queue dlq, the configuration has queue/m,
    ],
    [
      "where reshard: is wrong",
      ["reshard: { key: x }"],
      [],
      2,
      /^litewake: .*litejoin.yaml:6:14: unknown key "key" in reshard: did you mean "keys"\?$/m,
    ],
  ];
  it.each(cases)("%s", async (_name, lines, flags, expected, line) => {
    container.configure(lines, 5);
    const before = listing();
    const { code, stderr } = await container.run("reshard", ...flags);
    expect({ code, stderr }).toEqual({ code: expected, stderr: expect.stringMatching(line) });
    expect([listing(), filesIn()]).toEqual([before, []]);
  });

  it("where a database is there, or somebody replicates", async () => {
    const running = container.start();
    await running.waitFor(/msg="following begins"|msg="all databases are restored"/);
    container.configure([KEYED, "lease: 3s"], 5);
    expect((await container.run("reshard")).stderr).toMatch(
      /is written to by process \d+ on \S+, which is alive|exists already/m,
    );
    await running.stop();
    const { code, stderr } = await container.run("reshard");
    expect({ code, stderr }).toEqual({
      code: 7,
      stderr: expect.stringMatching(
        /shard_0.db exists already: stop the application, see that everything is shipped, and move its databases away/,
      ),
    });
  });
});
