// Memory that is given back at once. Left to V8, the buffers of a restore pile up until some 64 MB of them call for a collection,
// in each thread.

/** The bytes must be the only view of their buffer, and the caller's own; they are empty afterwards. */
export function letGo({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
