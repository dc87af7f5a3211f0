// The programs that are compared: how each is told what to do. All read the same configuration.
import fs from "node:fs";
import path from "node:path";
import { litestream, litewakeBinary, ManagedProcess } from "@litewake-tooling/testkit";
import { minio } from "@litewake-tooling/emulators";

export type ContenderName = "litewake" | "0.3.13" | "0.5.17";

/** Where a database's replica is. */
export type Place =
  | { readonly kind: "file"; readonly folder: string }
  | { readonly kind: "s3"; readonly endpoint: string; readonly prefix: string };

export interface Replicated {
  readonly path: string;
  readonly place: Place;
}

export interface Contender {
  readonly name: ContenderName;
  /** The program and its first words. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const ENVIRONMENT = {
  // Where it is set, 0.5.17 cannot start its S3 client.
  AWS_CA_BUNDLE: undefined,
  AWS_ACCESS_KEY_ID: minio.accessKeyId,
  AWS_SECRET_ACCESS_KEY: minio.secretAccessKey,
  LITEWAKE_LOG_TYPE: "text",
};

export async function contender(name: ContenderName): Promise<Contender> {
  const command = name === "litewake" ? [process.execPath, litewakeBinary] : [await litestream(name)];
  return { name, command, environment: ENVIRONMENT };
}

export async function contenders(names: readonly ContenderName[]): Promise<Contender[]> {
  return Promise.all(names.map((name) => contender(name)));
}

function settings(place: Place): string[] {
  if (place.kind === "file") return ["type: file", `path: ${place.folder}`];
  return [
    "type: s3",
    `bucket: ${minio.bucket}`,
    `path: ${place.prefix}`,
    `endpoint: ${place.endpoint}`,
    `region: ${minio.region}`,
    "force-path-style: true",
  ];
}

/** Writes the configuration of some databases; `more` are lines of each replica. */
export function configure(
  { name }: Contender,
  file: string,
  databases: readonly Replicated[],
  { syncIntervalMs, more = [] }: { readonly syncIntervalMs: number; readonly more?: readonly string[] },
): string {
  const lines = ["dbs:"];
  for (const { path: database, place } of databases) {
    const replica = [...settings(place), `sync-interval: ${syncIntervalMs}ms`, ...more];
    lines.push(`  - path: ${database}`);
    if (name === "0.5.17") lines.push("    replica:", ...replica.map((line) => `      ${line}`));
    else lines.push("    replicas:", ...replica.map((line, n) => `      ${n === 0 ? "- " : "  "}${line}`));
  }
  fs.writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

/** Follows the databases; resolves when the program says that it does. */
export async function replicate(who: Contender, config: string): Promise<ManagedProcess> {
  const [program = "", ...words] = who.command;
  const running = new ManagedProcess(program, [...words, "replicate", "-config", config], { env: who.environment });
  await running.waitFor(who.name === "litewake" ? /msg=following/ : /replicating to/, 60_000);
  return running;
}

/** The command that brings a replica back. */
export function restoreCommand(who: Contender, place: Place, output: string, scratch: string): string[] {
  const database = path.join(scratch, "bench.db");
  const config = configure(who, path.join(scratch, `${who.name}.yml`), [{ path: database, place }], {
    syncIntervalMs: 1000,
  });
  return [...who.command, "restore", "-config", config, "-o", output, database];
}
