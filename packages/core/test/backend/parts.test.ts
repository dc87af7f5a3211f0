// Bodies cut into parts: every byte once and in order, memory of their own, one failure ends all.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gatherParts, sendParts, uploadParted } from "../../src/backend/parts.ts";

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  const reused = new Uint8Array(Math.max(1, ...sizes));
  for (let at = 0, n = 0; at < bytes.byteLength; n += 1) {
    const size = sizes[n % sizes.length] ?? 1;
    const piece = bytes.subarray(at, at + size);
    reused.set(piece);
    at += piece.byteLength;
    // The same memory each time, as a caller may do.
    yield reused.subarray(0, piece.byteLength);
    reused.fill(255);
  }
}

const inputs = {
  bytes: fc.uint8Array({ maxLength: 3000 }),
  chunks: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 5 }),
  parts: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 }),
};

describe("gathering", () => {
  it("gives parts of exactly the sizes asked for, the last one shorter, and loses nothing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(inputs), async ({ bytes, chunks, parts }) => {
        const sizeOf = (part: number): number => parts[Math.min(part, parts.length - 1)] ?? 1;
        const found: Uint8Array[] = [];
        for await (const part of gatherParts(chunksOf(bytes, chunks), sizeOf)) found.push(part);
        expect(Buffer.concat(found).equals(Buffer.from(bytes))).toBe(true);
        for (const [n, part] of found.entries()) {
          if (n < found.length - 1) expect(part.byteLength).toBe(sizeOf(n));
          else expect(part.byteLength).toBeGreaterThan(0);
        }
      }),
    );
  });
});

describe("an upload", () => {
  it("is whole up to one part and in parts above, whatever the chunks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record(inputs),
        fc.boolean(),
        fc.integer({ min: 1, max: 400 }),
        async (given, streamed, size) => {
          const { bytes, chunks } = given;
          const way = await uploadParted<{ readonly whole?: Buffer; readonly parts?: readonly Uint8Array[] }>(
            { body: streamed ? chunksOf(bytes, chunks) : bytes, key: "key", signal: undefined },
            {
              sizeOf: () => size,
              whole: async (body) => ({ whole: Buffer.from(body) }),
              inParts: async (parts) => {
                const all: Uint8Array[] = [];
                for await (const part of parts) all.push(part);
                return { parts: all };
              },
            },
          );
          if (way.whole !== undefined) {
            expect(bytes.byteLength).toBeLessThanOrEqual(size);
            expect(way.whole.equals(Buffer.from(bytes))).toBe(true);
          } else {
            expect(bytes.byteLength).toBeGreaterThan(size);
            expect(Buffer.concat(way.parts ?? []).equals(Buffer.from(bytes))).toBe(true);
          }
        },
      ),
    );
  });
});

describe("sending", () => {
  const parts = async function* (count: number): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < count; n += 1) yield Uint8Array.of(n);
  };
  const { signal } = new AbortController();

  it("has so many under way at once, and tells the bytes in all", async () => {
    let running = 0;
    let most = 0;
    const sent: number[] = [];
    const bytes = await sendParts(parts(20), {
      atOnce: 3,
      signal,
      send: async (part, number) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, number % 3));
        sent.push(part[0] ?? -1);
        running -= 1;
      },
    });
    expect(bytes).toBe(20);
    expect(most).toBe(3);
    expect(sent.toSorted((a, b) => a - b)).toEqual([...Array(20).keys()]);
  });

  it("ends with the first failure, after the others were told and are done", async () => {
    const told: number[] = [];
    let begun = 0;
    const failing = sendParts(parts(20), {
      atOnce: 3,
      signal,
      send: (_part, number, own) => {
        begun += 1;
        if (number === 1) return Promise.reject(new Error("part 1 broke"));
        return new Promise((resolve) => own.addEventListener("abort", () => (told.push(number), resolve())));
      },
    });
    await expect(failing).rejects.toThrow("part 1 broke");
    expect(told).toEqual([0, 2]);
    expect(begun).toBe(3);
  });

  it("ends when the body breaks, and waits for what is under way", async () => {
    let done = 0;
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1);
      throw new Error("the body broke");
    };
    const send = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      done += 1;
    };
    await expect(sendParts(broken(), { atOnce: 2, signal, send })).rejects.toThrow("the body broke");
    expect(done).toBe(1);
  });
});
