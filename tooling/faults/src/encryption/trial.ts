// One trial by its seed: an object is stored under age keys by us or by the library, read by both, in part, over streams that
// break; then it is damaged in every way, and every way of reading it must give its bytes or refuse.
import { MemoryClient } from "@litewake/conformance";
import { type ByteStream, type GetOptions, ReplicaError, type ReplicaClient, retrying } from "@litewake/core/backend";
import { AgeKeys, encrypted } from "@litewake/core/encryption";
import { type Random, seeded } from "@litewake-tooling/testkit/random";
import * as age from "age-encryption";
import { DAMAGE } from "./damage.ts";

const KEY = "generations/0123456789abcdef/wal/00000000_00000000.wal.lz4";
const CHUNK = 65_536;

export interface Pair {
  readonly identity: string;
  readonly recipient: string;
}

export interface Verdict {
  readonly seed: number;
  readonly cases: number;
  readonly problems: readonly string[];
}

export async function keyPairs(count: number): Promise<Pair[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const identity = await age.generateX25519Identity();
      return { identity, recipient: await age.identityToRecipient(identity) };
    }),
  );
}

/** A store whose streams break after some bytes, so many times. */
class Breaking extends MemoryClient {
  readonly #random: Random;
  #left: number;

  constructor(random: Random, times: number) {
    super({ chunkBytes: 1 + random.below(70_000) });
    this.#random = random;
    this.#left = times;
  }

  override async get(key: string, options: GetOptions = {}): Promise<ByteStream> {
    const stream = await super.get(key, options);
    if (this.#left <= 0) return stream;
    this.#left -= 1;
    return broken(stream, this.#random.below(200_000));
  }
}

async function* broken(stream: ByteStream, after: number): AsyncGenerator<Uint8Array> {
  let given = 0;
  for await (const chunk of stream) {
    if (given + chunk.byteLength > after) break;
    given += chunk.byteLength;
    yield chunk;
  }
  throw new ReplicaError({ code: "Unavailable", operation: "get", key: KEY, reason: "the connection broke" });
}

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

function sizeOf(random: Random): number {
  const around = random.below(5) * CHUNK + random.pick([-17, -16, -1, 0, 1, 16]);
  return random.below(2) === 0 ? random.below(random.pick([100, 10_000, 300_000])) : Math.max(0, around);
}

function rangeOf(random: Random, size: number): { offset: number; length?: number } {
  const offset = random.below(3) === 0 ? random.below(5) * CHUNK : random.below(size + 20);
  return random.below(2) === 0 ? { offset } : { offset, length: 1 + random.below(size + 20) };
}

async function* inPieces(bytes: Uint8Array, random: Random): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength;) {
    const size = 1 + random.below(random.pick([10_000, 70_000, 200_000]));
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

export async function trial(seed: number, pairs: readonly Pair[]): Promise<Verdict> {
  const random = seeded(seed);
  const problems: string[] = [];
  let cases = 0;
  const check = async (what: string, isRight: () => Promise<boolean>): Promise<void> => {
    cases += 1;
    try {
      if (!(await isRight())) problems.push(what);
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const mine = random.pick(pairs);
  const others = pairs.filter((pair) => pair !== mine).slice(0, random.below(pairs.length));
  const recipients = [...others, mine].map(({ recipient }) => recipient);
  const writer = await AgeKeys.load(age, { identities: [], recipients });
  const reader = await AgeKeys.load(age, { identities: [mine.identity], recipients: [] });
  const plain = random.bytes(sizeOf(random));
  const stored = await storedForms(plain, { writer, recipients, random });
  const how = random.pick([...stored.keys()]);
  const bytes = stored.get(how) ?? new Uint8Array(0);

  for (const [name, form] of stored) {
    await check(`${name} is read by the library`, async () => {
      const decrypter = new age.Decrypter();
      decrypter.addIdentity(mine.identity);
      return Buffer.compare(await decrypter.decrypt(form), plain) === 0;
    });
  }
  const read = async (content: Uint8Array, range: GetOptions, breaks: number): Promise<Buffer> => {
    const store = new Breaking(random, breaks);
    await store.put(KEY, content);
    const client: ReplicaClient = retrying(encrypted(store, reader), { attempts: 20, sleep: async () => {} });
    return collect(await client.get(KEY, range));
  };
  for (let n = 0; n < 6; n++) {
    const range = n === 0 ? {} : rangeOf(random, plain.byteLength);
    const breaks = random.below(4);
    const { offset = 0, length } = range as { offset?: number; length?: number };
    const wanted = plain.subarray(offset, length === undefined ? undefined : offset + length);
    const what = `${how}, ${plain.byteLength} bytes, ${JSON.stringify(range)}, broken ${breaks} times`;
    await check(what, async () => Buffer.compare(await read(bytes, range, breaks), wanted) === 0);
  }
  const other = [...stored.values()].find((form) => form !== bytes) ?? bytes;
  for (const [kind, damage] of Object.entries(DAMAGE)) {
    const damaged = damage({ stored: bytes, other, random });
    if (Buffer.compare(damaged, bytes) === 0) continue;
    await check(`${kind}: read whole`, () => isRefused(() => read(damaged, {}, random.below(2))));
    // What a broken stream goes on with may begin behind the damage; then it is the object's own bytes.
    const offset = random.below(plain.byteLength + 1);
    await check(`${kind}: from ${offset} on`, async () => {
      const got = await read(damaged, { offset }, 0).catch(judged);
      return got === undefined || Buffer.compare(got, plain.subarray(offset)) === 0;
    });
  }
  return { seed, cases, problems };
}

async function isRefused(reading: () => Promise<Buffer>): Promise<boolean> {
  return (await reading().catch(judged)) === undefined;
}

/** The two errors that say what it is. */
function judged(error: unknown): undefined {
  if (error instanceof Error && ["AgeDamage", "AgeKeyError"].includes(error.name)) return;
  throw error;
}

interface Storing {
  readonly writer: AgeKeys;
  readonly recipients: readonly string[];
  readonly random: Random;
}

async function storedForms(
  plain: Uint8Array,
  { writer, recipients, random }: Storing,
): Promise<Map<string, Uint8Array>> {
  const store = new MemoryClient();
  const client = encrypted(store, writer);
  const forms = new Map<string, Uint8Array>();
  await client.put(KEY, plain);
  forms.set("stored at once", await collect(await store.get(KEY)));
  await client.put(KEY, inPieces(plain, random));
  forms.set("stored as a stream", await collect(await store.get(KEY)));
  const encrypter = new age.Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  forms.set("stored by the library", await encrypter.encrypt(Uint8Array.from(plain)));
  return forms;
}
