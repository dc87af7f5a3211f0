// Holds what happens in a race against what was promised, by the true time.
import type { Contender } from "./contender.ts";
import { type Ledger, restoredLedger } from "./ledger-wal.ts";
import type { SimStore } from "./sim-store.ts";
import type { SimProcess, World } from "./world.ts";

/** Own objects of the lease: asked for whether it is held or not. */
const isOfLease = (key: string): boolean => key.startsWith("litewake/");

export class Judge {
  readonly contenders: Contender[] = [];
  readonly violations: string[] = [];
  requests = 0;
  late = 0;
  readonly #world: World;
  readonly #store: SimStore;
  readonly #seen = new Set<string>();
  /** Those that had the lease, one after the other. */
  readonly #order: Contender[] = [];
  /** Arrivals of processes that had lost the lease: what they changed is looked at when they are done. */
  #suspects: { readonly before: Promise<Ledger | undefined>; readonly what: string }[] = [];

  constructor(world: World, store: SimStore) {
    this.#world = world;
    this.#store = store;
    store.onStart = ({ process, verb, key }) => {
      this.requests++;
      if ((verb === "put" || verb === "delete") && !isOfLease(key)) this.#mayStart(process, `${verb} ${key}`);
    };
    store.onArrival = ({ process, verb, keys, startedMs }, apply) => {
      const isLate = world.nowMs - startedMs > 0 && this.#isSucceeded(process) && !keys.some(isOfLease);
      if (!isLate) return apply();
      this.late++;
      const before = this.#restored();
      apply();
      this.#suspects.push({ before, what: `${verb} ${keys.join(" ")} of ${process.name}` });
    };
    world.afterEach = () => this.#afterEach();
  }

  #tell(kind: string, what: string): void {
    if (this.#seen.has(kind)) return;
    this.#seen.add(kind);
    this.violations.push(`${kind}, at ${Math.round(this.#world.nowMs)} ms: ${what}`);
  }

  /** Whether somebody has taken over from it, and has found out where the history ends. */
  #isSucceeded(process: SimProcess): boolean {
    const at = this.#order.findIndex((owner) => owner.process === process);
    return at >= 0 && at < this.#order.length - 1;
  }

  #mayStart(process: SimProcess, what: string): void {
    const rival = this.contenders.find((one) => one.process !== process && !one.process.isDead && one.believes);
    if (rival === undefined) return;
    this.#tell("a request was started without the lease", `${what} by ${process.name}, ${rival.process.name} has it`);
  }

  async #afterEach(): Promise<void> {
    const holders = this.contenders.filter(({ process, believes }) => !process.isDead && believes);
    if (holders.length > 1) {
      this.#tell("two hold the lease", holders.map(({ process }) => process.name).join(" and "));
    }
    for (const one of this.contenders) {
      // Reading needs no lease: one that lost it meanwhile comes to know when it first writes.
      if (one.base === undefined || !one.believes || this.#order.includes(one)) continue;
      this.#follows(this.#order.at(-1), one);
      this.#order.push(one);
    }
    const suspects = this.#suspects;
    this.#suspects = [];
    for (const { before, what } of suspects) {
      const was = await before;
      const is = await this.#restored();
      if (was?.join() !== is?.join()) {
        this.#tell("a late request changed a restore", `${what}: ${was?.at(-1) ?? "-"} became ${is?.at(-1) ?? "-"}`);
      }
    }
  }

  /** What the next owner found is all that the one before was told is safe, and nothing that it never committed. */
  #follows(before: Contender | undefined, next: Contender): void {
    const base = next.base ?? [];
    if (before === undefined) {
      if (base.length > 0) this.#tell("somebody wrote before the first owner", base.join());
      return;
    }
    if (!isPrefix(base, before.ledger))
      this.#tell("a restore is no state of its owner", `${next.process.name} after ${before.process.name}`);
    if (base.length < before.acknowledged) {
      const lost = before.ledger.slice(base.length, before.acknowledged).join();
      this.#tell("what was acknowledged was lost", `${lost} of ${before.process.name}, seen by ${next.process.name}`);
    }
  }

  async #restored(): Promise<Ledger | undefined> {
    try {
      return (await restoredLedger(this.#store.directly()))?.rows;
    } catch (error) {
      this.#tell("a restore was refused", error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  async atEnd(): Promise<void> {
    const rows = (await this.#restored()) ?? [];
    const newest = this.#order.at(-1);
    if (newest !== undefined) {
      if (!isPrefix(rows, newest.ledger))
        this.#tell("the newest state is not the newest owner's", rows.slice(-2).join());
      if (rows.length < newest.acknowledged)
        this.#tell("the newest owner's acknowledged rows were lost", rows.slice(-1).join());
    }
    // Told to the owner before only after its successor had looked.
    for (const [n, one] of this.#order.entries()) {
      const next = this.#order[n + 1];
      if (next?.base !== undefined && one.acknowledged > next.base.length)
        this.#tell("what was acknowledged was lost", `to ${one.process.name}, after ${next.process.name} took over`);
    }
    await this.#everyHistory();
    for (const { failure, refusal, process } of this.contenders) {
      if (failure === undefined) continue;
      if (refusal === undefined)
        this.#tell("a process ended for no good reason", failure instanceof Error ? failure.message : "no error");
      else if (!/process \d+ on host\d|another process/.test(refusal))
        this.#tell("a refusal names nobody", `${process.name}: ${refusal}`);
    }
  }

  /** Every object belongs to one history that is proved from its first snapshot on. */
  async #everyHistory(): Promise<void> {
    const client = this.#store.directly();
    const names = new Set(this.#store.listed("generations/").map(({ key }) => key.split("/")[1] ?? ""));
    for (const name of names) {
      const hasSnapshot = this.#store.listed(`generations/${name}/snapshots/`).length > 0;
      if (!hasSnapshot) continue;
      await restoredLedger(client, name as Parameters<typeof restoredLedger>[1]).catch((error: unknown) => {
        this.#tell("a history is broken", error instanceof Error ? error.message : String(error));
      });
    }
  }
}

function isPrefix(rows: Ledger, of: Ledger): boolean {
  return rows.length <= of.length && rows.every((row, n) => row === of[n]);
}
