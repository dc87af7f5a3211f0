// Tries on a store what a replica needs of it, with a few small objects that it removes again, and looks at the backup there.
import { randomBytes } from "node:crypto";
import { AgeKeyError, type GenerationRecord, readCatalog } from "@litewake/core";
import type { AgeKeys } from "@litewake/core/encryption";
import { snapshotKey } from "@litewake/core/protocol";
import { ageWarning } from "../age-warning.ts";
import { type ByteStream, type ReplicaClient, ReplicaError } from "@litewake/core/backend";
import { formatSeconds } from "../cli/table.ts";
import { lineOf } from "../cli/exit-code.ts";
import { type Finding, Findings } from "./finding.ts";

/** A host's clock that is so far off the store's makes `-timestamp` and lags misleading. */
const SKEW_WARN_MS = 5000;
const SLOW_PUT_MS = 1000;
const LATENCY_TRIES = 5;

/** Never throws: what fails is a finding, and ends the examination where the rest would fail too. */
export async function examineReplica(
  name: string,
  client: ReplicaClient,
  keys: AgeKeys | undefined,
): Promise<readonly Finding[]> {
  const findings = new Findings(`${name} ${client.url}`);
  if (keys !== undefined) await examineKeys(keys, findings);
  const folder = `litewake-doctor-${randomBytes(4).toString("hex")}`;
  const examination = new Examination(client, folder, findings);
  try {
    await examination.run();
  } finally {
    await examination.cleanUp();
  }
  return findings.list;
}

async function examineKeys(keys: AgeKeys, findings: Findings): Promise<void> {
  const warning = await ageWarning(keys);
  if (warning === undefined)
    findings.add("ok", "age keys", `the identity opens what is encrypted here (recipients: ${keys.recipients})`);
  else findings.add("warn", "age keys", warning.replace(/^age: /, ""));
}

class Examination {
  readonly #client: ReplicaClient;
  readonly #folder: string;
  readonly #findings: Findings;
  readonly #made = new Set<string>();

  constructor(client: ReplicaClient, folder: string, findings: Findings) {
    this.#client = client;
    this.#folder = folder;
    this.#findings = findings;
  }

  async run(): Promise<void> {
    if (!(await this.#backup())) return;
    const put = await this.#put();
    if (!put) return;
    await this.#read();
    await this.#list();
    await this.#putIfAbsent();
    await this.#latency();
    await this.#delete();
  }

  async cleanUp(): Promise<void> {
    await this.#client.delete([...this.#made]).catch(() => {});
  }

  /** What is there; and, first of all, whether the store can be reached. */
  async #backup(): Promise<boolean> {
    const began = performance.now();
    try {
      const { generations, ltx } = await readCatalog(this.#client);
      const newest = generations.toSorted((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime())[0];
      const ms = performance.now() - began;
      if (newest === undefined) this.#findings.add("ok", "list", "reached; no backup there yet", ms);
      else
        this.#findings.add(
          "ok",
          "list",
          `reached; ${generations.length} generations, the newest object is ${age(newest.updatedAt)} old`,
          ms,
        );
      if (newest !== undefined) await this.#readable(newest);
      if (ltx)
        this.#findings.add(
          "warn",
          "format",
          "Litestream 0.5 LTX files lie there too, which Litewake does not read: take another path",
        );
      return true;
    } catch (error) {
      this.#fail("list", error, ReplicaError.is(error) ? undefined : "what lies there cannot be read as a replica");
      return ReplicaError.is(error) && error.code === "Denied";
    }
  }

  /** Whether the keys given are those of the newest backup. */
  async #readable({ generation, snapshots }: GenerationRecord): Promise<void> {
    const index = snapshots.at(-1)?.index;
    if (index === undefined) return;
    try {
      // Enough to see how it is stored.
      await collect(await this.#client.get(snapshotKey(generation, index), { length: 64 }));
    } catch (error) {
      if (error instanceof AgeKeyError) this.#findings.add("warn", "backup", lineOf(error));
      else this.#fail("backup", error);
    }
  }

  async #put(): Promise<boolean> {
    const began = Date.now();
    try {
      const { modifiedAt } = await this.#store("object", 1000);
      const now = Date.now();
      this.#findings.add("ok", "put", "an object of 1,000 bytes was stored", now - began);
      const skew = Math.round(modifiedAt.getTime() - (began + now) / 2);
      // Many stores tell whole seconds.
      const off = Math.max(0, Math.abs(skew) - 1000 - (now - began) / 2);
      if (off < SKEW_WARN_MS)
        this.#findings.add(
          "ok",
          "clock",
          `the store's clock is within ${((Math.abs(skew) + 999) / 1000).toFixed(0)} s of this host's`,
        );
      else
        this.#findings.add(
          "warn",
          "clock",
          `this host's clock is ${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? "behind" : "ahead of"} the store's: set it right (NTP)`,
        );
      return true;
    } catch (error) {
      this.#fail("put", error);
      return false;
    }
  }

  async #read(): Promise<void> {
    await this.#step("get", "it came back byte for byte", async () => {
      const bytes = await collect(await this.#client.get(`${this.#folder}/object`));
      return bytes.equals(contentOf(1000)) ? undefined : "what came back is not what was stored";
    });
    await this.#step("range", "50 bytes of its middle came back", async () => {
      const bytes = await collect(await this.#client.get(`${this.#folder}/object`, { offset: 100, length: 50 }));
      return bytes.equals(contentOf(1000).subarray(100, 150)) ? undefined : "a range came back wrong";
    });
  }

  async #list(): Promise<void> {
    await this.#step("list-after-put", "what was stored is listed at once", async () => {
      const keys: string[] = [];
      for await (const { key } of this.#client.list(`${this.#folder}/`)) keys.push(key);
      return keys.length === 1 ? undefined : `the listing shows ${keys.length} objects where there is one`;
    });
  }

  async #putIfAbsent(): Promise<void> {
    const { putIfAbsent } = this.#client.capabilities;
    if (!putIfAbsent) {
      this.#findings.add(
        "warn",
        "put-if-absent",
        "not declared for this store: two writers cannot be told apart; never start two",
      );
      return;
    }
    const began = performance.now();
    try {
      await this.#store("once", 10, true);
      await this.#store("once", 10, true);
      this.#findings.add(
        "fail",
        "put-if-absent",
        "the store accepts the condition and ignores it: two writers could overwrite each other; set conditional-put: false",
      );
    } catch (error) {
      if (ReplicaError.is(error, "Conflict"))
        this.#findings.add("ok", "put-if-absent", "the second put was refused", performance.now() - began);
      else this.#fail("put-if-absent", error);
    }
  }

  async #latency(): Promise<void> {
    try {
      const times: number[] = [];
      for (let n = 0; n < LATENCY_TRIES; n += 1) {
        const began = performance.now();
        await this.#store(`small-${n}`, 4200);
        times.push(performance.now() - began);
      }
      const median = times.toSorted((a, b) => a - b)[Math.floor(LATENCY_TRIES / 2)] ?? 0;
      const detail = `a put of 4,200 bytes takes ${median.toFixed(0)} ms (median of ${LATENCY_TRIES})`;
      if (median < SLOW_PUT_MS) this.#findings.add("ok", "latency", detail, median);
      else
        this.#findings.add(
          "warn",
          "latency",
          `${detail}: more than the usual sync-interval of 1 s; take a store nearer by`,
          median,
        );
    } catch (error) {
      this.#fail("latency", error);
    }
  }

  async #delete(): Promise<void> {
    await this.#step("delete", "all of it was deleted", async () => {
      await this.#client.delete([...this.#made, `${this.#folder}/never-was`]);
      const left: string[] = [];
      for await (const { key } of this.#client.list(`${this.#folder}/`)) left.push(key);
      return left.length === 0 ? undefined : `${left.length} deleted objects are still listed`;
    });
  }

  /** `work` tells what is wrong, if anything is. */
  async #step(check: string, fine: string, work: () => Promise<string | undefined>): Promise<void> {
    const began = performance.now();
    try {
      const wrong = await work();
      this.#findings.add(wrong === undefined ? "ok" : "fail", check, wrong ?? fine, performance.now() - began);
    } catch (error) {
      this.#fail(check, error);
    }
  }

  #store(name: string, bytes: number, ifAbsent = false): Promise<{ readonly modifiedAt: Date }> {
    const key = `${this.#folder}/${name}`;
    this.#made.add(key);
    return this.#client.put(key, contentOf(bytes), ifAbsent ? { ifAbsent } : {});
  }

  #fail(check: string, error: unknown, next?: string): void {
    this.#findings.add("fail", check, [lineOf(error), next].filter((part) => part !== undefined).join(": "));
  }
}

function contentOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31) & 0xff));
}

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function age(date: Date): string {
  return formatSeconds(Math.max(0, Math.round((Date.now() - date.getTime()) / 1000)));
}
