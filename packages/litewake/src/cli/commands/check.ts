// `litewake check`: the conformance kit against a store as it is configured, in a folder of its own there.
import { randomBytes } from "node:crypto";
import { LitewakeError } from "@litewake/core";
import { prefixed, type ReplicaClient } from "@litewake/core/backend";
// Types only: the kit is not loaded, and need not be installed, before it is asked for.
import type { CaseResult, ConformanceReport, RunOptions, Subject } from "@litewake/conformance";
import { importPackage } from "../../import-package.ts";
import type { ReplicaConfig } from "../../config/config.ts";
import { parseSize } from "../../config/size.ts";
import { type Command, JSON_FLAG, print, printJson } from "../command.ts";
import { lineOf } from "../exit-code.ts";
import type { ParsedArguments } from "../flags.ts";
import { AGE_FLAG, CONFIG_FLAGS, loadingOf, oneArgument, openConfigured, type Target, targetOf } from "../targets.ts";

const KIT = "@litewake/conformance";
const FAILED = 1;

interface Kit {
  readonly runConformance: (subject: Subject, options: RunOptions) => Promise<ConformanceReport>;
}

async function loadKit({ config }: Target): Promise<Kit> {
  const module = await importPackage(KIT, loadingOf(config).from ?? []);
  if (typeof module?.["runConformance"] !== "function") {
    throw new LitewakeError("usage", `check needs the package ${KIT}`, { next: `npm install ${KIT}` });
  }
  return module as unknown as Kit;
}

/** Settings and variables whose values must never be printed; shorter ones would be found in any text. */
const SECRET_SETTING = /secret|password|passphrase|token|account-key|customer-key|connection-string/;
const SECRET_VARIABLE =
  /^(?:AWS|LITESTREAM|LITEWAKE|AZURE)_.*(?:SECRET|PASSWORD|PASSPHRASE|TOKEN|ACCOUNT_KEY|STORAGE_KEY|CUSTOMER_KEY|CONNECTION_STRING|AGE_IDENTITY$)/;
const SHORTEST_SECRET = 8;

function secretsOf({ settings, age }: ReplicaConfig): readonly string[] {
  const given = Object.entries(settings).filter(([name]) => SECRET_SETTING.test(name));
  const inherited = Object.entries(process.env).filter(([name]) => SECRET_VARIABLE.test(name));
  return [...given, ...inherited]
    .map(([, value]) => String(value ?? ""))
    .concat(age?.identities ?? [])
    .filter((value) => value.length >= SHORTEST_SECRET);
}

/** The store under a folder that nobody else uses, and that is emptied at the end. */
function subjectOf(target: Target, folder: string): Subject {
  const [replica] = target.replicas;
  if (replica === undefined) throw new LitewakeError("usage", "check needs a replica");
  const openStore = (): Promise<ReplicaClient> => openConfigured(replica, target.config);
  let roots = 0;
  return {
    name: replica.url ?? replica.name,
    secrets: secretsOf(replica),
    async open() {
      roots += 1;
      // The kit looks at what a closed client leaves behind.
      return prefixed(await openStore(), `${folder}/${roots}`, { ownsClient: true });
    },
    async cleanup() {
      const store = await openStore();
      try {
        const keys: string[] = [];
        for await (const { key } of store.list(`${folder}/`)) keys.push(key);
        await store.delete(keys);
      } finally {
        await store.close();
      }
    },
  };
}

function lineFor(result: CaseResult): string {
  const { id, promise } = result;
  if (result.outcome === "passed") return `ok    ${id.padEnd(28)} ${promise} (${result.seconds.toFixed(2)} s)\n`;
  if (result.outcome === "skipped") return `skip  ${id.padEnd(28)} ${promise}\n      ${result.reason}\n`;
  return `FAIL  ${id.padEnd(28)} ${promise}\n      ${lineOf(result.error)}\n`;
}

function jsonFor(result: CaseResult): object {
  return result.outcome === "failed" ? { ...result, error: lineOf(result.error) } : result;
}

function bigBytesOf(flags: ParsedArguments): number {
  const given = flags.string("big") ?? "100MiB";
  const bytes = parseSize(given);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new LitewakeError("usage", `-big: ${JSON.stringify(given)} is no size`, { next: "write it as 100MiB" });
}

async function run(flags: ParsedArguments): Promise<number> {
  const target = await targetOf(flags, oneArgument(flags, "check"));
  if (target.replicas.length > 1) {
    throw new LitewakeError("usage", "the database has several replicas", {
      next: `pick one: -replica ${target.replicas[0]?.name ?? ""}`,
    });
  }
  const json = flags.boolean("json");
  const only = flags
    .string("only")
    ?.split(",")
    .filter((id) => id !== "");
  const bigBytes = bigBytesOf(flags);
  const kit = await loadKit(target);
  const subject = subjectOf(target, `litewake-check-${randomBytes(4).toString("hex")}`);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  await reach(subject);
  try {
    const report = await kit.runConformance(subject, {
      bigBytes,
      signal: stop.signal,
      ...(only === undefined ? {} : { only }),
      onResult: (result) => {
        if (!json) print(lineFor(result));
      },
    });
    if (json) printJson({ check: { ...report, results: report.results.map(jsonFor) } });
    else print(`\n${report.subject}: ${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped\n`);
    if (stop.signal.aborted) return 130;
    return report.failed > 0 ? FAILED : 0;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** One line for a store that cannot be reached, in place of one failure for each case. */
async function reach(subject: Subject): Promise<void> {
  const client = await subject.open();
  try {
    for await (const _object of client.list("")) break;
  } finally {
    await client.close();
  }
}

export const check: Command = {
  usage: ["check [flags] REPLICA_URL", "check [flags] -replica NAME DB_PATH"],
  flags: {
    ...CONFIG_FLAGS,
    ...AGE_FLAG,
    replica: { kind: "string", value: "NAME", help: "this replica of the database" },
    big: { kind: "string", value: "SIZE", help: "size of the big object (default 100MiB)" },
    only: { kind: "string", value: "IDS", help: "only these cases, separated by commas" },
    ...JSON_FLAG,
  },
  notes:
    "It writes into a folder litewake-check-… of its own below the replica's root and empties it at the end; a replica that\n" +
    "is in use there is not touched. Exit code 1 when a promise is not kept.",
  run,
};
