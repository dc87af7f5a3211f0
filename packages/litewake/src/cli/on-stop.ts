// Signals that ask a command to end which has nothing to ship.
export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Calls back at the first of them, until disposed. */
export function onStopSignal(listener: () => void): Disposable {
  for (const signal of STOP_SIGNALS) process.once(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const signal of STOP_SIGNALS) process.off(signal, listener);
    },
  };
}
