// How long the command line takes before it does anything: what everybody waits for at each boot.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { DatabaseSync } from "node:sqlite";
import { minio } from "@litewake-tooling/emulators";
import { repositoryRoot } from "@litewake-tooling/testkit";
import { configure, contender, type Place, restoreCommand } from "../contenders.ts";
import { type Figure, Rounds } from "../figures.ts";
import { measured } from "../process.ts";
import type { Scenario } from "../scenario.ts";

/** Single starts are short, and many of them cost nothing. */
const STARTS_PER_ROUND = 5;
const MS = 1000;

const bareNode = [process.execPath, "-e", "0"];

function nodeWithSdk(): string[] {
  const { resolve } = createRequire(path.join(repositoryRoot, "packages/s3/package.json"));
  const sdk = pathToFileURL(resolve("@aws-sdk/client-s3")).href;
  return [process.execPath, "--input-type=module", "-e", `await import(${JSON.stringify(sdk)})`];
}

export const start: Scenario = {
  name: "start",
  about: "`litewake version`, and the restore of a small database from S3, above what Node and the SDK take (alone)",
  servers: true,
  async run({ rounds, folder, say }): Promise<Figure[]> {
    const [version, restore] = [new Rounds(), new Rounds()];
    const who = await contender("litewake");
    const file = path.join(folder, "bench.db");
    const database = new DatabaseSync(file);
    database.exec(
      "pragma journal_mode=wal; create table event(id integer primary key, body); insert into event(body) values ('small')",
    );
    database.close();
    const place: Place = { kind: "s3", endpoint: minio.endpoint, prefix: `bench/start-${Date.now()}` };
    const config = configure(who, path.join(folder, "replicate.yml"), [{ path: file, place }], {
      syncIntervalMs: 1000,
    });
    await measured([...who.command, "replicate", "-once", "-config", config], who.environment);
    const output = path.join(folder, "back.db");
    for (let n = 0; n < rounds * STARTS_PER_ROUND; n++) {
      version.add("alone", (await measured(bareNode)).seconds * MS);
      version.add("litewake", (await measured([...who.command, "version"], who.environment)).seconds * MS);
      restore.add("alone", (await measured(nodeWithSdk())).seconds * MS);
      const command = restoreCommand(who, place, output, folder);
      restore.add("litewake", (await measured(command, who.environment)).seconds * MS);
      fs.rmSync(output);
    }
    for (const [what, found] of [
      ["version", version],
      ["restore", restore],
    ] as const)
      say(`${what}: ${found.median("litewake").toFixed(0)} ms, alone ${found.median("alone").toFixed(0)} ms`);
    const about = (what: string) => ({ scenario: "start", what, unit: "ms" });
    const above = (value: number) => ({ op: "<=", value, of: "ms above alone" }) as const;
    return [
      version.figure(about("`litewake version` (alone: Node)"), version.difference("litewake", "alone"), above(60)),
      restore.figure(
        about("restore of a small database from S3 (alone: Node and the AWS SDK)"),
        restore.difference("litewake", "alone"),
        above(250),
      ),
    ];
  },
};
