// A put's body that stops where the case wants it to.
export interface GatedBody extends AsyncIterable<Uint8Array> {
  /** Resolves when the client has taken the first part and asks for more. */
  readonly reached: Promise<void>;
  /** Lets the body go on to its second part and its end. */
  open(): void;
  /** Makes the body throw. */
  fail(error: Error): void;
}

/** A body that gives `first`, waits at the gate, then gives `second`. */
export function gatedBody(first: Uint8Array, second: Uint8Array): GatedBody {
  let reach = (): void => {};
  let open = (): void => {};
  let fail = (_error: Error): void => {};
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const gate = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  gate.catch(() => {});
  return {
    reached,
    open: () => open(),
    fail: (error) => fail(error),
    async *[Symbol.asyncIterator]() {
      yield first;
      reach();
      await gate;
      yield second;
    },
  };
}
