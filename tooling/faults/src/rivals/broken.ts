// Leases without one of their cares. Each must be caught, or the oracle of the races proves nothing.
import type { Broken } from "./race.ts";

/** By name: what is left out, and what is then seen. */
export const BROKEN: Readonly<Record<string, { readonly how: Broken; readonly seen: RegExp }>> = {
  "a put that ignores the condition": {
    how: { ignoresCondition: (key) => key.startsWith("litewake/lease/") },
    seen: /^(two hold the lease|a request was started without the lease)/,
  },
  "a clock that stands still while the process does": {
    how: {
      host: (host, process) => ({ ...host, now: () => host.now() - process.pausedForMs }),
    },
    seen: /^(two hold the lease|a request was started without the lease)/,
  },
  "a renewal that is never too late": {
    how: { host: (host) => ({ ...host, now: () => host.now() / 5 }) },
    seen: /^(two hold the lease|a request was started without the lease)/,
  },
  "no fence": {
    how: { withoutFence: true },
    seen: /^(a late request changed a restore|a history is broken|a restore was refused|what was acknowledged was lost)/,
  },
};
