// `litewake doctor`: tries out what replication and restore will need, and says what it would warn of.
import type { AgeKeys } from "@litewake/core/encryption";
import { examineDatabase } from "../../doctor/database.ts";
import { type Finding, Findings, type Level } from "../../doctor/finding.ts";
import { examineReplica } from "../../doctor/replica.ts";
import type { ReplicaConfig, Config } from "../../config/config.ts";
import { type Command, JSON_FLAG, print, printJson } from "../command.ts";
import { lineOf } from "../exit-code.ts";
import type { ParsedArguments } from "../flags.ts";
import { AGE_FLAG, CONFIG_FLAGS, databaseIn, isUrl, loadConfig, openConfigured, replicaOfUrl } from "../targets.ts";
import { packageVersion } from "./version.ts";

const FAILED = 1;
const MARKS: Readonly<Record<Level, string>> = { ok: "ok  ", warn: "warn", fail: "FAIL" };

interface Patient {
  readonly databases: readonly string[];
  readonly replicas: readonly ReplicaConfig[];
  readonly config: Config | undefined;
}

async function patientOf(flags: ParsedArguments): Promise<Patient> {
  const [argument] = flags.positional;
  if (argument !== undefined && isUrl(argument))
    return { databases: [], replicas: [replicaOfUrl(argument, flags)], config: undefined };
  const config = await loadConfig(flags);
  const databases = argument === undefined ? config.databases : [databaseIn(config, argument)];
  return {
    databases: databases.map(({ path }) => path),
    replicas: databases.flatMap(({ replicas }) => replicas),
    config,
  };
}

function examineMachine(config: Config | undefined): readonly Finding[] {
  const findings = new Findings("this machine");
  findings.add(
    "ok",
    "versions",
    `litewake ${packageVersion()}, Node ${process.versions.node}, SQLite ${process.versions["sqlite"] ?? "unknown"}`,
  );
  for (const warning of config?.warnings ?? []) findings.add("warn", "configuration", warning);
  return findings.list;
}

async function examineConfigured(replica: ReplicaConfig, config: Config | undefined): Promise<readonly Finding[]> {
  let client;
  let keys: AgeKeys | undefined;
  try {
    client = await openConfigured(replica, config, (given) => void (keys = given));
  } catch (error) {
    const findings = new Findings(`${replica.name} ${replica.url?.replace(/\?.*$/s, "") ?? ""}`.trim());
    findings.add("fail", "open", lineOf(error));
    return findings.list;
  }
  try {
    return await examineReplica(replica.name, client, keys);
  } finally {
    await client.close();
  }
}

function show(findings: readonly Finding[]): void {
  let subject = "";
  for (const { level, check, detail, ms, subject: about } of findings) {
    if (about !== subject) print(`${subject === "" ? "" : "\n"}${about}\n`);
    subject = about;
    print(`  ${MARKS[level]}  ${check.padEnd(18)} ${detail}${ms === undefined ? "" : ` (${ms} ms)`}\n`);
  }
}

async function run(flags: ParsedArguments): Promise<number> {
  const { databases, replicas, config } = await patientOf(flags);
  const findings: Finding[] = [...examineMachine(config), ...databases.flatMap(examineDatabase)];
  // One after the other, so that the times are each store's own.
  for (const replica of replicas) findings.push(...(await examineConfigured(replica, config)));
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const [warnings, failures] = [count("warn"), count("fail")];
  if (flags.boolean("json")) printJson({ doctor: { warnings, failures, findings } });
  else {
    show(findings);
    print(`\n${failures} failures, ${warnings} warnings\n`);
  }
  return failures > 0 ? FAILED : 0;
}

export const doctor: Command = {
  usage: ["doctor [flags]", "doctor [flags] DB_PATH", "doctor [flags] REPLICA_URL"],
  flags: { ...CONFIG_FLAGS, ...AGE_FLAG, ...JSON_FLAG },
  notes:
    "It stores a few small objects below litewake-doctor-… in each replica and removes them. Exit code 1 when something fails.",
  run,
};
