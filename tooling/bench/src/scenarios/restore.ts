// How long a replica takes to come back, and what memory: the same replica, made by Litestream 0.3.13, for each program.
import fs from "node:fs";
import path from "node:path";
import { faultProxy, minio } from "@litewake-tooling/emulators";
import { contentOf } from "../content.ts";
import { contenders, type ContenderName, type Place, restoreCommand } from "../contenders.ts";
import { type Figure, Rounds } from "../figures.ts";
import { fixture, uploadFixture } from "../fixture.ts";
import { measured } from "../process.ts";
import type { Run, Scenario } from "../scenario.ts";

const LATENCY_MS = 20;
const PREFIX = "bench/restore";

interface Measures {
  readonly seconds: Rounds;
  readonly peakMb: Rounds;
}

/** Each program in turn, as often as asked; what comes back is compared each time. */
async function restoreRounds(
  place: Place,
  names: readonly ContenderName[],
  expected: string,
  { rounds, folder, say }: Run,
): Promise<Measures> {
  const measures = { seconds: new Rounds(), peakMb: new Rounds() };
  for (let round = 0; round < rounds; round++) {
    for (const who of await contenders(names)) {
      const scratch = path.join(folder, `${who.name}-${round}`);
      fs.mkdirSync(scratch);
      const output = path.join(scratch, "back.db");
      const { seconds, peakMb } = await measured(restoreCommand(who, place, output, scratch), who.environment);
      const content = contentOf(output);
      if (content !== expected) throw new Error(`${who.name} restored something else: ${content}, not ${expected}`);
      measures.seconds.add(who.name, seconds);
      measures.peakMb.add(who.name, peakMb);
      say(`${who.name}: ${seconds.toFixed(2)} s, ${Math.round(peakMb)} MB`);
      fs.rmSync(scratch, { recursive: true });
    }
  }
  return measures;
}

function faster({ seconds }: Measures, scenario: string, what: string, than: ContenderName, value: number): Figure {
  return seconds.figure({ scenario, what, unit: "s" }, seconds.ratio(than, "litewake"), {
    op: ">=",
    value,
    of: `× faster than ${than}`,
  });
}

export const restoreFile: Scenario = {
  name: "restore-file",
  about: "restore of 154 MB and 970 segments from a folder",
  servers: false,
  async run(run) {
    const { replica, database } = await fixture(run.say);
    const place: Place = { kind: "file", folder: replica };
    const measures = await restoreRounds(place, ["litewake", "0.3.13", "0.5.17"], contentOf(database), run);
    const fastest = measures.seconds.median("0.3.13") < measures.seconds.median("0.5.17") ? "0.3.13" : "0.5.17";
    return [
      faster(measures, "restore-file", "restore from a folder", fastest, 1.3),
      measures.peakMb.figure(
        { scenario: "restore-file", what: "restore from a folder: memory", unit: "MB" },
        measures.peakMb.median("litewake"),
        { op: "<=", value: 200, of: "MB" },
      ),
    ];
  },
};

export const restoreS3: Scenario = {
  name: "restore-s3",
  about: "the same from MinIO on loopback",
  servers: true,
  async run(run) {
    const found = await fixture(run.say);
    await uploadFixture(found, PREFIX);
    const place: Place = { kind: "s3", endpoint: minio.endpoint, prefix: PREFIX };
    const measures = await restoreRounds(place, ["litewake", "0.3.13", "0.5.17"], contentOf(found.database), run);
    return (["0.3.13", "0.5.17"] as const).map((name) => faster(measures, "restore-s3", "restore from S3", name, 1.5));
  },
};

export const restoreLatency: Scenario = {
  name: "restore-latency",
  about: `the same from S3 with ${LATENCY_MS} ms of latency`,
  servers: true,
  async run(run) {
    const found = await fixture(run.say);
    await uploadFixture(found, PREFIX);
    await using proxy = await faultProxy(new URL(minio.endpoint).host);
    await proxy.add({ type: "latency", attributes: { latency: LATENCY_MS } });
    const place: Place = { kind: "s3", endpoint: proxy.endpoint, prefix: PREFIX };
    const expected = contentOf(found.database);
    const measures = await restoreRounds(place, ["litewake", "0.3.13", "0.5.17"], expected, run);
    const what = "restore from S3 with 20 ms";
    return [
      faster(measures, "restore-latency", what, "0.3.13", 3),
      faster(measures, "restore-latency", what, "0.5.17", 15),
    ];
  },
};

/** Eight shards as `litewake restore -config` brings them back, against one of them. */
export const restoreShards: Scenario = {
  name: "restore-shards",
  about: `8 shards from S3 with ${LATENCY_MS} ms`,
  servers: true,
  async run({ rounds, folder, say }) {
    const shards = 8;
    const { shardedReplica } = await import("../sharded-replica.ts");
    const { prefix, bytes } = await shardedReplica(shards, folder, say);
    await using proxy = await faultProxy(new URL(minio.endpoint).host);
    await proxy.add({ type: "latency", attributes: { latency: LATENCY_MS } });
    const [who] = await contenders(["litewake"]);
    if (who === undefined) return [];
    const seconds = new Rounds();
    for (let round = 0; round < rounds; round++) {
      for (const count of [1, shards]) {
        const scratch = path.join(folder, `shards-${count}-${round}`);
        fs.mkdirSync(scratch);
        const config = path.join(scratch, "bench.yml");
        const url = `s3://${minio.bucket}/${prefix}?endpoint=${proxy.endpoint}&region=${minio.region}`;
        fs.writeFileSync(
          config,
          `data_dir: ${path.join(scratch, "data")}\nreplication:\n  enabled: true\n  shard_count: ${shards}\n  dlq: false\n  replica_url: "${url}"\n`,
        );
        const target = count === 1 ? [path.join(scratch, "data/shard_0.db")] : [];
        const { seconds: took } = await measured(
          [...who.command, "restore", "-config", config, ...target],
          who.environment,
        );
        seconds.add(count === 1 ? "alone" : "litewake", took);
        say(`${count} of ${shards}: ${took.toFixed(2)} s`);
        fs.rmSync(scratch, { recursive: true });
      }
    }
    const what = `restore of 8 shards of ${Math.round(bytes / shards / (1 << 20))} MB each (alone: one of them)`;
    return [
      seconds.figure({ scenario: "restore-shards", what, unit: "s" }, seconds.ratio("litewake", "alone"), {
        op: "<=",
        value: 3,
        of: "× one shard",
      }),
    ];
  },
};
