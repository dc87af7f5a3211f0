// Work on many things, some at a time.

/** Does `work` for each item, at most `atOnce` at a time. Waits for all that was begun, then throws the first failure. */
export async function eachInParallel<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  const workers = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const done of workers) if (done.status === "rejected") throw done.reason;
}
