// One process of a race: takes the lease, restores, commits and ships, until it is killed, told to stop, or another one takes
// over. The lease, its client, the fence and the proofs are the product's; the follower is the smallest that writes a real
// replica: a segment at a time, each acknowledged before the next, and a snapshot now and then.
import type { ReplicaClient } from "../../../../packages/core/src/backend/client.ts";
import { ReplicaError } from "../../../../packages/core/src/backend/error.ts";
import { compressAll, decompress } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { LitewakeError } from "../../../../packages/core/src/errors.ts";
import { Lease } from "../../../../packages/core/src/fleet/lease.ts";
import type { LeaseHost } from "../../../../packages/core/src/fleet/lease-host.ts";
import { leased } from "../../../../packages/core/src/fleet/leased.ts";
import { segmentKey, snapshotKey } from "../../../../packages/core/src/replica/layout.ts";
import type { Generation } from "../../../../packages/core/src/replica/position.ts";
import { encodeProof } from "../../../../packages/core/src/replica/proof.ts";
import { fence } from "../../../../packages/core/src/shipping/fence.ts";
import { newestGeneration, readShippedTail } from "../../../../packages/core/src/shipping/shipped-tail.ts";
import type { Random } from "../../../testkit/writers/random.ts";
import { copyOf, type Ledger, LedgerWal, PAGE_BYTES, restoredLedger } from "./ledger-wal.ts";
import type { SimStore } from "./sim-store.ts";
import type { SimProcess } from "./world.ts";

export interface ContenderOptions {
  readonly process: SimProcess;
  readonly store: SimStore;
  readonly random: Random;
  readonly ttlMs: number;
  readonly takeOver: boolean;
  /** Broken on purpose: what a lease without this care would do. */
  readonly broken: {
    readonly host?: ((host: LeaseHost, process: SimProcess) => LeaseHost) | undefined;
    readonly withoutFence?: boolean | undefined;
  };
}

const RETRY_MS = 300;
const NEW_SECOND_MS = 1100;

/** What a process believes, and what it has done. */
export class Contender {
  readonly process: SimProcess;
  /** What it found when it took over; undefined: it never did. */
  base: Ledger | undefined;
  /** All that was committed where it runs. */
  ledger: string[] = [];
  /** Rows of the ledger that the replica has acknowledged. */
  acknowledged = 0;
  failure: unknown;
  onEnd: () => void = () => {};
  readonly lease: Lease;
  readonly #options: ContenderOptions;
  readonly #client: ReplicaClient;
  readonly #stop = new AbortController();
  #generation = "" as Generation;
  #index = 0;
  #offset = 0;
  #wal = new LedgerWal([1, 1]);
  #previous: { index: number; end: number; s1: number; s2: number } | undefined;
  #made = 0;
  /** A put was begun and not acknowledged: it may be in the network still. */
  #isUnderWay = false;

  constructor(options: ContenderOptions) {
    const { process, store, broken } = options;
    this.process = process;
    this.#options = options;
    const client = store.client(process);
    const host = process.leaseHost();
    this.lease = new Lease({
      client,
      ttlMs: options.ttlMs,
      takeOver: options.takeOver,
      logger: () => {},
      host: broken.host?.(host, process) ?? host,
    });
    this.#client = leased(client, this.lease);
  }

  /** Whether it would start a request now. */
  get believes(): boolean {
    try {
      this.lease.require("put");
      return true;
    } catch {
      return false;
    }
  }

  start(): void {
    void this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      await this.#persist(() => this.lease.acquire(signal));
      await this.#persist(() => this.#begin());
      while (!signal.aborted) await this.#step();
    } catch (error) {
      if (!signal.aborted) this.failure = error;
    }
    await this.lease.release({ clean: !this.#isUnderWay });
    this.onEnd();
  }

  /** An orderly end. */
  stop(): void {
    void this.lease.announceEnd();
    this.#stop.abort();
  }

  /** Again, as long as trying can help. */
  async #persist<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const retryable = ReplicaError.is(error) && error.retryable;
        if (!retryable || this.#stop.signal.aborted) throw error;
        await this.process.sleep(RETRY_MS, this.#stop.signal);
      }
    }
  }

  // As a boot does: fence, restore, and go on in the same history where that is proved.
  async #begin(): Promise<void> {
    const { random, broken } = this.#options;
    if (this.lease.contested && broken.withoutFence !== true) await fence(this.#client);
    const restored = await restoredLedger(this.#client);
    this.base = restored?.rows ?? [];
    this.ledger = [...this.base];
    this.acknowledged = this.base.length;
    if (restored === undefined || random.below(4) === 0) return this.#newGeneration();
    const { record } = await newestGeneration(this.#client, {});
    if (record === undefined) throw new Error("what was restored is gone");
    const tail = await readShippedTail(this.#client, record, PAGE_BYTES, undefined);
    this.#generation = tail.generation;
    const isFresh = tail.offset === 0 && tail.fence === undefined;
    const sum = tail.lastFrame === undefined ? { s1: 0, s2: 0 } : sumOf(tail.lastFrame);
    this.#beginIndex(isFresh ? tail.index : tail.index + 1);
    this.#previous = isFresh ? undefined : { index: tail.index, end: tail.offset, ...sum };
    this.lease.settled();
  }

  #beginIndex(index: number): void {
    const { random } = this.#options;
    this.#index = index;
    this.#offset = 0;
    this.#wal = new LedgerWal([random.below(2 ** 31), random.below(2 ** 31)]);
  }

  async #newGeneration(): Promise<void> {
    const { random } = this.#options;
    if (this.ledger.length === 0) this.ledger.push(`${this.process.name} begins`);
    // No second with the history before, so that the newer one is the newer one by dates in whole seconds too.
    await this.process.sleep(NEW_SECOND_MS, this.#stop.signal);
    this.#generation = Buffer.from(random.bytes(8)).toString("hex") as Generation;
    this.#beginIndex(0);
    this.#previous = undefined;
    const pages = this.ledger.length;
    await this.#putSnapshot(pages, 0);
    this.acknowledged = pages;
    this.lease.settled();
  }

  async #putSnapshot(pages: number, offset: number): Promise<void> {
    const position = { index: this.#index, offset };
    const proof = encodeProof({ version: 1, position, pageSize: PAGE_BYTES, pages });
    const bytes = Buffer.concat([proof, compressAll(copyOf(this.ledger.slice(0, pages)))]);
    const parts = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.byteLength; at += 200) yield bytes.subarray(at, at + 200);
    };
    const key = snapshotKey(this.#generation, this.#index);
    this.#isUnderWay = true;
    await this.#persist(() => this.#client.put(key, parts(), { ifAbsent: true })).catch((error: unknown) => {
      // An earlier try of ours, or the index has one already.
      if (!ReplicaError.is(error, "Conflict")) throw error;
    });
    this.#isUnderWay = false;
  }

  async #step(): Promise<void> {
    const { random } = this.#options;
    await this.process.sleep(random.below(800), this.#stop.signal);
    for (let commits = random.below(3); commits > 0; commits--) {
      this.ledger.push(`${this.process.name} ${this.#made++}`);
      this.#wal.commit(this.ledger.at(-1) ?? "", this.ledger.length);
    }
    if (this.#wal.end > 32 && this.#offset < this.#wal.end) await this.#ship();
    const roll = random.below(12);
    if (roll === 0 && this.#offset > 0) this.#rotate();
    else if (roll === 1 && this.#offset > 0) await this.#putSnapshot(this.ledger.length, this.#offset);
  }

  #rotate(): void {
    this.#previous = { index: this.#index, end: this.#offset, ...this.#wal.checksum };
    this.#beginIndex(this.#index + 1);
  }

  async #ship(): Promise<void> {
    const { length } = this.ledger;
    const plain = this.#wal.slice(this.#offset, this.#wal.end);
    const end = this.#wal.end;
    const head =
      this.#offset === 0 && this.#previous !== undefined ? encodeProof({ version: 1, previous: this.#previous }) : [];
    const key = segmentKey(this.#generation, this.#index, this.#offset);
    const body = Buffer.concat([Buffer.from(head), compressAll(plain)]);
    this.#isUnderWay = true;
    try {
      await this.#persist(() => this.#client.put(key, body, { ifAbsent: true }));
    } catch (error) {
      if (!ReplicaError.is(error, "Conflict")) throw error;
      const there = await this.#persist(() => this.#plainOf(key));
      // With a lease somebody else's bytes in our place end the history, not us.
      if (Buffer.compare(there, plain) !== 0) return this.#persist(() => this.#newGeneration());
    }
    this.#isUnderWay = false;
    this.#offset = end;
    this.acknowledged = length;
  }

  async #plainOf(key: string): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of decompress(await this.#client.get(key))) parts.push(part);
    return Buffer.concat(parts);
  }

  /** Why it ended, where another process has taken over. */
  get refusal(): string | undefined {
    return this.failure instanceof LitewakeError && this.failure.kind === "refused" ? this.failure.message : undefined;
  }
}

function sumOf(frame: Uint8Array): { s1: number; s2: number } {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return { s1: view.getUint32(16), s2: view.getUint32(20) };
}
