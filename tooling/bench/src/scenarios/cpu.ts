// CPU and memory: shipping a steady stream, and a hundred databases that nobody writes to.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { configure, contenders, type Replicated, replicate } from "../contenders.ts";
import { Rounds } from "../figures.ts";
import { cpuSeconds, memoryMb, pause } from "../process.ts";
import { runWriter } from "../run-writer.ts";
import type { Scenario } from "../scenario.ts";
import { watchingProxy } from "../watching-proxy.ts";

const ALL = ["litewake", "0.3.13", "0.5.17"] as const;
const SHIP_SECONDS = 60;
const IDLE_SECONDS = 20;
const IDLE_DATABASES = 100;

export const cpuShipping: Scenario = {
  name: "cpu",
  about: `CPU to ship 500 tx/s to S3, for ${SHIP_SECONDS} s without start-up`,
  servers: true,
  async run({ rounds, folder, say }) {
    const cpu = new Rounds();
    for (let round = 0; round < rounds; round++) {
      for (const who of await contenders(ALL)) {
        const own = path.join(folder, `${who.name}-${round}`);
        fs.mkdirSync(own, { recursive: true });
        const database = path.join(own, "bench.db");
        await runWriter(database, { seconds: 0.1, rate: 10 });
        await using proxy = await watchingProxy();
        const place = { kind: "s3", endpoint: proxy.endpoint, prefix: `bench/cpu-${who.name}-${Date.now()}` } as const;
        await using running = await replicate(
          who,
          configure(who, path.join(own, "bench.yml"), [{ path: database, place }], { syncIntervalMs: 1000 }),
        );
        const writing = runWriter(database, { seconds: SHIP_SECONDS + 3, rate: 500 });
        // Looked at when its turn comes; until then a failure is nobody's.
        writing.catch(() => {});
        // Start-up and the first snapshot are over then, and code is warm.
        await pause(2500);
        const before = cpuSeconds(running.pid);
        await pause(SHIP_SECONDS * 1000);
        const used = (cpuSeconds(running.pid) - before) / SHIP_SECONDS;
        await writing;
        cpu.add(who.name, used);
        say(`${who.name}: ${used.toFixed(4)} s per second`);
        await running.kill9();
        fs.rmSync(own, { recursive: true, force: true });
      }
    }
    const better = cpu.median("0.3.13") < cpu.median("0.5.17") ? "0.3.13" : "0.5.17";
    return [
      cpu.figure({ scenario: "cpu", what: "CPU to ship 500 tx/s to S3", unit: "s/s" }, cpu.ratio("litewake", better), {
        op: "<=",
        value: 0.8,
        of: `× ${better}`,
      }),
    ];
  },
};

export const idle: Scenario = {
  name: "idle",
  about: `${IDLE_DATABASES} databases that nobody writes to`,
  servers: true,
  async run({ rounds, folder, say }) {
    const [cpu, memory, asked] = [new Rounds(), new Rounds(), new Rounds()];
    for (let round = 0; round < rounds; round++) {
      for (const who of await contenders(ALL)) {
        const own = path.join(folder, `${who.name}-${round}`);
        fs.mkdirSync(own, { recursive: true });
        await using proxy = await watchingProxy();
        const databases: Replicated[] = Array.from({ length: IDLE_DATABASES }, (_, n) => {
          const file = path.join(own, `db_${n}.db`);
          const database = new DatabaseSync(file);
          database.exec("pragma journal_mode=wal; create table t(x); insert into t values (1)");
          database.close();
          return {
            path: file,
            place: {
              kind: "s3",
              endpoint: proxy.endpoint,
              prefix: `bench/idle-${who.name}-${round}-${Date.now()}/${n}`,
            },
          };
        });
        await using running = await replicate(
          who,
          configure(who, path.join(own, "bench.yml"), databases, { syncIntervalMs: 1000 }),
        );
        await pause(25_000);
        const before = cpuSeconds(running.pid);
        proxy.counts.clear();
        await pause(IDLE_SECONDS * 1000);
        const used = (cpuSeconds(running.pid) - before) / IDLE_SECONDS;
        const count = [...proxy.counts.values()].reduce((sum, one) => sum + one, 0);
        cpu.add(who.name, used);
        memory.add(who.name, memoryMb(running.pid).now);
        asked.add(who.name, count);
        say(
          `${who.name}: ${used.toFixed(4)} s per second, ${memoryMb(running.pid).now.toFixed(0)} MB, ${count} requests`,
        );
        await running.kill9();
        fs.rmSync(own, { recursive: true, force: true });
      }
    }
    const lean = (values: Rounds): "0.3.13" | "0.5.17" =>
      values.median("0.3.13") < values.median("0.5.17") ? "0.3.13" : "0.5.17";
    const about = (what: string, unit: string) => ({
      scenario: "idle",
      what: `idle, ${IDLE_DATABASES} databases: ${what}`,
      unit,
    });
    return [
      cpu.figure(about("CPU", "s/s"), cpu.ratio("litewake", lean(cpu)), { op: "<=", value: 0.1, of: `× ${lean(cpu)}` }),
      asked.figure(about(`requests in ${IDLE_SECONDS} s`, "requests"), asked.median("litewake"), {
        op: "<=",
        value: 0,
        of: "requests",
      }),
      memory.figure(about("memory", "MB"), memory.ratio("litewake", lean(memory)), {
        op: "<=",
        value: 1.5,
        of: `× ${lean(memory)}`,
      }),
    ];
  },
};
