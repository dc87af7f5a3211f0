// One seeded race: processes start, pause, are cut off, killed and stopped, over a bad network; and what must hold at every
// moment of it.
import { seeded, type Random } from "../../../testkit/writers/random.ts";
import { Contender, type ContenderOptions } from "./contender.ts";
import { type Ledger, restoredLedger } from "./ledger-wal.ts";
import { SimStore, type Weather } from "./sim-store.ts";
import { SimProcess, World } from "./world.ts";

/** What is broken on purpose, to see that it is caught. */
export interface Broken {
  readonly host?: ContenderOptions["broken"]["host"];
  readonly withoutFence?: boolean;
  readonly ignoresCondition?: (key: string) => boolean;
}

export interface RaceResult {
  readonly seed: number;
  /** What was broken, if anything: the first of each kind, with the virtual time. */
  readonly violations: readonly string[];
  readonly figures: RaceFigures;
}

export interface RaceFigures {
  readonly processes: number;
  /** How often the lease was had. */
  readonly owners: number;
  readonly requests: number;
  readonly lateArrivals: number;
  readonly pauses: number;
  readonly acknowledged: number;
  readonly refusals: number;
}

const MOST_PROCESSES = 12;

/** Own objects of the lease: asked for whether it is held or not. */
const isOfLease = (key: string): boolean => key.startsWith("litewake/");

export async function race(seed: number, broken: Broken = {}): Promise<RaceResult> {
  const random = seeded(seed);
  const world = new World();
  const ttlMs = random.pick([2000, 6000, 30_000]);
  const store = new SimStore(world, random, weatherOf(random, ttlMs));
  if (broken.ignoresCondition !== undefined) store.ignoresCondition = broken.ignoresCondition;
  // A whole new history's first copy that is under way while the lease is lost has a name that nobody can know.
  store.mayBeHeld = (key) => !/snapshots\/00000000/.test(key);
  const judge = new Judge(world, store);
  const script = new Script(world, store, random, ttlMs);
  script.start((process, takeOver) => {
    const contender = new Contender({ process, store, random, ttlMs, takeOver, broken });
    judge.contenders.push(contender);
    contender.start();
    return contender;
  });
  await world.run(ttlMs * 12);
  script.calm();
  // Whoever is left renews, and everything that was held comes in.
  await world.run(ttlMs * 18);
  await judge.atEnd();
  const { contenders } = judge;
  return {
    seed,
    violations: judge.violations,
    figures: {
      processes: contenders.length,
      owners: contenders.filter(({ base }) => base !== undefined).length,
      requests: judge.requests,
      lateArrivals: judge.late,
      pauses: script.pauses,
      acknowledged: contenders.reduce((sum, { acknowledged, base }) => sum + acknowledged - (base?.length ?? 0), 0),
      refusals: contenders.filter(({ refusal }) => refusal !== undefined).length,
    },
  };
}

function weatherOf(random: Random, ttlMs: number): Weather {
  const isBad = random.below(3) > 0;
  const isSlow = random.below(5) === 0;
  return {
    latencyMs: isSlow ? Math.round(ttlMs * 0.3) : 5 + random.below(60),
    lostRequest: isBad ? random.below(30) : 0,
    lostAnswer: isBad ? random.below(40) : 0,
    unavailable: isBad ? random.below(60) : 0,
    held: random.pick([0, 50, 200]),
    heldMs: ttlMs * 3,
    timeoutMs: Math.round(ttlMs * 0.45),
    grainMs: random.pick([1, 1, 1000]),
  };
}

type Begin = (process: SimProcess, takeOver: boolean) => Contender;

/** Who comes when, and what happens to them. */
class Script {
  pauses = 0;
  readonly #world: World;
  readonly #random: Random;
  readonly #ttlMs: number;
  readonly #contenders: Contender[] = [];
  readonly #cutOff = new Map<SimProcess, number>();
  #isCalm = false;
  #started = 0;

  constructor(world: World, store: SimStore, random: Random, ttlMs: number) {
    this.#world = world;
    this.#random = random;
    this.#ttlMs = ttlMs;
    store.isCutOff = (process) => !this.#isCalm && (this.#cutOff.get(process) ?? 0) > world.nowMs;
  }

  start(begin: Begin): void {
    const random = this.#random;
    const count = 2 + random.below(4);
    // Some start in the same instant, others while the first is at work.
    const together = random.below(2) === 0;
    for (let n = 0; n < count; n++) {
      const atMs = together && n < 3 ? random.below(20) : random.below(this.#ttlMs * 9);
      this.#world.after(atMs, undefined, () => this.#begin(begin));
    }
    this.#nextStrike(begin);
  }

  #begin(begin: Begin): void {
    const random = this.#random;
    const process = new SimProcess(this.#world, `p${this.#started++}`, `host${random.below(2)}`);
    const contender = begin(process, random.below(5) === 0);
    this.#contenders.push(contender);
    // Refused, it is started again by whoever looks after it, as long as there are not too many.
    void contender.ended.then(() => {
      if (this.#started < MOST_PROCESSES && !this.#isCalm)
        this.#world.after(random.below(this.#ttlMs), undefined, () => this.#begin(begin));
    });
  }

  #nextStrike(begin: Begin): void {
    const random = this.#random;
    this.#world.after(this.#ttlMs * 0.2 + random.below(this.#ttlMs * 2), undefined, () => {
      const alive = this.#contenders.filter(({ process }) => !process.isDead);
      const holder = alive.find(({ believes }) => believes);
      const victim = random.below(3) > 0 && holder !== undefined ? holder : alive[random.below(alive.length)];
      if (victim !== undefined) this.#strike(victim, begin);
      if (!this.#isCalm) this.#nextStrike(begin);
    });
  }

  #strike(contender: Contender, begin: Begin): void {
    const { process } = contender;
    const random = this.#random;
    const whileMs = random.below(this.#ttlMs * random.pick([1, 3, 5]));
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
      case 3:
        this.pauses++;
        return process.pause(whileMs);
      case 4:
      case 5:
        this.#cutOff.set(process, this.#world.nowMs + whileMs);
        return;
      case 6:
        process.isDead = true;
        // Its supervisor starts another one on the same host.
        if (random.below(3) > 0) this.#world.after(random.below(2000), undefined, () => this.#begin(begin));
        return;
      default:
        if (process.pausedUntilMs <= this.#world.nowMs) contender.stop();
    }
  }

  calm(): void {
    this.#isCalm = true;
  }
}

/** Holds what happens against what was promised, by the true time. */
class Judge {
  readonly contenders: Contender[] = [];
  readonly violations: string[] = [];
  requests = 0;
  late = 0;
  readonly #world: World;
  readonly #store: SimStore;
  readonly #seen = new Set<string>();
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
    const at = this.#takers().findIndex((taker) => taker.process === process);
    return at >= 0 && at < this.#takers().length - 1;
  }

  #order: Contender[] = [];

  #takers(): readonly Contender[] {
    return this.#order;
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
      if (refusal === undefined) this.#tell("a process ended for no good reason", String(failure));
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
