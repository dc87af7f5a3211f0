// A vendor's response body as the stream of a get: abort, stall, a short body, leaving early.
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { ReplicaError } from "../../src/backend/error.ts";
import { readableBytes } from "../../src/backend/readable.ts";

const toError = (error: unknown): ReplicaError =>
  ReplicaError.is(error) ? error : new ReplicaError({ code: "Unavailable", operation: "get", reason: String(error) });

/** Gives two chunks and then nothing, unless it is told to go on. */
function hanging(): Readable {
  const readable = new Readable({ read: () => {} });
  readable.push(Buffer.from("one"));
  return readable;
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.byteLength;
  return bytes;
}

const options = { key: "a", signal: undefined, toError };

describe("a body", () => {
  it("comes as it is, and its length is proved", async () => {
    expect(
      await drain(
        readableBytes(Readable.from([Buffer.from("abc"), Buffer.from("de")]), { ...options, expectedBytes: 5 }),
      ),
    ).toBe(5);
    await expect(
      drain(readableBytes(Readable.from([Buffer.from("abc")]), { ...options, expectedBytes: 5 })),
    ).rejects.toMatchObject({
      code: "Unavailable",
      retryable: true,
      message: "get a: the store sent 3 bytes of 5",
    });
  });

  it("that stalls is given up, and its connection let go", async () => {
    const readable = hanging();
    await expect(drain(readableBytes(readable, { ...options, stallMs: 20 }))).rejects.toMatchObject({
      code: "Unavailable",
      message: "get a: the store sent nothing for 0.02 s",
    });
    expect(readable.destroyed).toBe(true);
  });

  it("that nobody reads does not stall", async () => {
    const readable = hanging();
    const stream = readableBytes(readable, { ...options, stallMs: 10 })[Symbol.asyncIterator]();
    await stream.next();
    await new Promise((resolve) => setTimeout(resolve, 40));
    readable.push(null);
    expect((await stream.next()).done).toBe(true);
  });

  it("that is aborted ends at once, also while it hangs, and gives no further bytes", async () => {
    const abort = new AbortController();
    const readable = hanging();
    const stream = readableBytes(readable, { ...options, signal: abort.signal })[Symbol.asyncIterator]();
    await stream.next();
    const next = stream.next();
    abort.abort();
    await expect(next).rejects.toMatchObject({ code: "Aborted" });
    await expect(stream.next()).rejects.toMatchObject({ code: "Aborted" });
    expect(readable.destroyed).toBe(true);
  });

  it("that is left early lets go of its connection, also before the first chunk", async () => {
    for (const read of [0, 1]) {
      const readable = hanging();
      const stream = readableBytes(readable, options)[Symbol.asyncIterator]();
      for (let n = 0; n < read; n += 1) await stream.next();
      await stream.return?.();
      expect(readable.destroyed).toBe(true);
      expect((await stream.next()).done).toBe(true);
    }
  });

  it("that breaks is the error that the client makes of it", async () => {
    const readable = hanging();
    setTimeout(() => readable.destroy(new Error("socket hang up")), 5);
    await expect(drain(readableBytes(readable, options))).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringContaining("socket hang up"),
    });
  });
});
