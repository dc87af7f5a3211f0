// Memory that is given back at once. Left to V8, large buffers pile up until they call for a collection of the whole heap: some
// 64 MB of them in each thread of a restore, and one collection a second while 8 MB of WAL a second are shipped.

/** The bytes must be the caller's own, and the only view of their buffer that is still used; they are empty afterwards. */
export function letGo({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
