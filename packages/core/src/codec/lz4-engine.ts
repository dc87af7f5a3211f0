// The compiled inner loops of the codec and the memory they work on: one instance per thread, made at first use.
import { LZ4_WASM } from "./lz4-wasm.ts";

/** Where the first operand is laid; below it the loops keep their own tables. */
export const INPUT_AT: number = 64 << 10;
/** Stays free behind every operand: the loops copy by up to sixteen bytes and may run on. */
export const SLACK_BYTES = 64;

const LANES_AT = 16 << 10;
const PAGE_BYTES = 64 << 10;

/** What `lz4.wat` exports; addresses and lengths in bytes. */
interface Lz4Loops {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  compress(from: number, length: number, to: number): number;
  decompress(from: number, length: number, base: number, to: number, limit: number): number;
  stripes(at: number, length: number): void;
}

// Node's types leave WebAssembly to the browser's.
interface WasmGlobal {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: unknown };
  };
}

/** The loops and a view of their memory. Nothing in it outlives the next call: copy out what is wanted. */
export class Lz4Engine {
  readonly loops: Lz4Loops;
  #bytes: Uint8Array;
  #lanes: Int32Array;

  constructor() {
    const { WebAssembly } = globalThis as unknown as WasmGlobal;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(LZ4_WASM, "base64")));
    this.loops = instance.exports as Lz4Loops;
    this.#bytes = new Uint8Array(this.loops.memory.buffer);
    this.#lanes = new Int32Array(this.loops.memory.buffer, LANES_AT, 4);
  }

  /** The whole memory, of at least `bytes` bytes. It never shrinks, and only what is touched costs real memory. */
  memory(bytes: number): Uint8Array {
    const missing = bytes - this.#bytes.byteLength;
    if (missing > 0) {
      this.loops.memory.grow(Math.ceil(missing / PAGE_BYTES));
      this.#bytes = new Uint8Array(this.loops.memory.buffer);
      this.#lanes = new Int32Array(this.loops.memory.buffer, LANES_AT, 4);
    }
    return this.#bytes;
  }

  /** Mixes whole 16-byte stripes into the four lanes of an xxHash32; what is left over is not looked at. */
  stripes(lanes: Int32Array, bytes: Uint8Array): void {
    const memory = this.memory(INPUT_AT + PAGE_BYTES);
    this.#lanes.set(lanes);
    // What was decoded a moment ago is there already.
    if (bytes.buffer === memory.buffer) this.loops.stripes(bytes.byteOffset, bytes.byteLength);
    else this.#copied(memory, bytes);
    lanes.set(this.#lanes);
  }

  #copied(memory: Uint8Array, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength; at += PAGE_BYTES) {
      const piece = bytes.subarray(at, at + PAGE_BYTES);
      memory.set(piece, INPUT_AT);
      this.loops.stripes(INPUT_AT, piece.byteLength);
    }
  }
}

let engine: Lz4Engine | undefined;

/** This thread's engine. Compiling it takes under a millisecond, once. */
export function lz4Engine(): Lz4Engine {
  return (engine ??= new Lz4Engine());
}
