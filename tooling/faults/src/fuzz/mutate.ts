// Changes to an input, drawn by a seeded generator.
import type { Random } from "../../../testkit/writers/random.ts";

const NUMBERS = [
  0, 1, 4, 7, 8, 15, 16, 31, 32, 127, 128, 255, 256, 4096, 32_767, 65_535, 65_536, 0x7fffffff, 0x80000000, 0xffffffff,
];

type Mutation = (bytes: Buffer, random: Random, others: readonly Uint8Array[], words: readonly string[]) => Buffer;

const place = (bytes: Buffer, random: Random): number => random.below(bytes.byteLength + 1);

function spliced(bytes: Buffer, at: number, removed: number, put: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    if (bytes.byteLength > 0) {
      const at = random.below(bytes.byteLength);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
    }
    return bytes;
  },
  (bytes, random) => spliced(bytes, place(bytes, random), 1, random.bytes(1)),
  (bytes, random) => spliced(bytes, place(bytes, random), 0, random.bytes(1 + random.below(8))),
  (bytes, random) => spliced(bytes, place(bytes, random), 1 + random.below(16), Buffer.alloc(0)),
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random) => {
    const number = random.pick(NUMBERS);
    const put = Buffer.alloc(random.pick([1, 2, 4]));
    if (random.below(2) === 0) put.writeUIntLE(number % 2 ** (8 * put.length), 0, put.length);
    else put.writeUIntBE(number % 2 ** (8 * put.length), 0, put.length);
    return spliced(bytes, place(bytes, random), put.length, put);
  },
  (bytes, random) => {
    const from = place(bytes, random);
    const part = bytes.subarray(from, from + 1 + random.below(64));
    return spliced(
      bytes,
      place(bytes, random),
      0,
      Buffer.concat(Array.from({ length: 1 + random.below(4) }, () => part)),
    );
  },
  (bytes, random, others) => {
    const other = random.pick(others);
    return Buffer.concat([bytes.subarray(0, place(bytes, random)), other.subarray(random.below(other.byteLength + 1))]);
  },
  (bytes, random, _others, words) =>
    words.length === 0
      ? bytes
      : spliced(bytes, place(bytes, random), random.below(2) * 4, Buffer.from(random.pick(words), "latin1")),
];

/** One to eight changes. */
export function mutated(
  input: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
  words: readonly string[],
): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let times = 1 << random.below(4); times > 0; times--)
    bytes = Buffer.from(random.pick(MUTATIONS)(bytes, random, others, words));
  return bytes;
}
