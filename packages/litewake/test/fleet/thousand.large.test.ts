// A thousand shards in one process: shipped, taken to a restore point, lost, and restored; one that is broken stops no other.
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { Container } from "./container.ts";

const SHARDS = 1000;

describe("a thousand shards", () => {
  it("are shipped and restored by one process, each with its own rows", async () => {
    using container = new Container().configure(["points: 0s"], SHARDS);
    fs.mkdirSync(container.data);
    {
      using first = new DatabaseSync(container.file("dlq.db"));
      first.exec(
        "pragma journal_mode=wal; create table event (key text primary key); insert into event values ('whose')",
      );
    }
    for (let n = 0; n < SHARDS; n++) fs.copyFileSync(container.file("dlq.db"), container.file(`shard_${n}.db`));
    using changed = new DatabaseSync(container.file("shard_700.db"));
    changed.exec("update event set key = 'shard 700'");
    fs.writeFileSync(container.file("shard_13.db"), "this is no database, whatever its name says");

    const shipped = await container.run("replicate", "-once");
    expect({ code: shipped.code, line: shipped.stderr }).toMatchObject({
      code: 6,
      line: expect.stringMatching(/shard_13\.db is not a SQLite database/),
    });
    changed.close();
    const began = performance.now();
    container.wipe();
    const restored = await container.run("restore");
    const seconds = (performance.now() - began) / 1000;
    expect({ code: restored.code, all: restored.stderr.includes("restored=1000 there=0 new=1") }).toEqual({
      code: 0,
      all: true,
    });
    expect(fs.existsSync(container.file("shard_13.db"))).toBe(false);
    const keyOf = (name: string): unknown => {
      using database = new DatabaseSync(container.file(name), { readOnly: true });
      return database.prepare("select key from event").get()?.["key"];
    };
    expect([keyOf("shard_700.db"), keyOf("shard_699.db"), keyOf("dlq.db")]).toEqual(["shard 700", "whose", "whose"]);
    process.stdout.write(`1,000 shards restored in ${seconds.toFixed(1)} s\n`);
  });
});
