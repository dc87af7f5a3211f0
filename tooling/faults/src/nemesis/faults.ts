// What can go wrong with one call to a store, and which of it breaks the contract of `ReplicaClient`.

/** The verbs that a nemesis disturbs. */
export type Verb = "list" | "get" | "put" | "delete";

/** Failures that any store may show: what was said is true, or nothing was said. */
const HONEST = {
  /** Refuses at once: 503, and nothing was done. */
  refused: ["list", "get", "put", "delete"],
  /** Asks to be called less often, and nothing was done. */
  throttled: ["list", "get", "put", "delete"],
  /** The credentials have expired. */
  denied: ["list", "get", "put", "delete"],
  /** There is no room. */
  full: ["put"],
  /** Says nothing for long; then the connection is gone. */
  hung: ["list", "get", "put", "delete"],
  /** The connection is reset in the middle: of a body, of a listing, of many deletions. */
  cut: ["list", "get", "put", "delete"],
  /** Does it, and the answer is lost. */
  lost: ["put", "delete"],
  /** Fails, and does it all the same a while later. */
  late: ["put", "delete"],
  /** Does it, and a copy of the request arrives a while later. */
  twice: ["put", "delete"],
  /** Takes its time. */
  slow: ["list", "get", "put", "delete"],
} as const satisfies Readonly<Record<string, readonly Verb[]>>;

/** What the contract forbids, and stores have been seen to do. */
const LIES = {
  /** "Not found", for what was put a moment ago. */
  forgotten: ["get"],
  /** A listing of a while ago. */
  stale: ["list"],
  /** A listing that leaves out a part of the objects. */
  partial: ["list"],
  /** A listing out of order. */
  shuffled: ["list"],
  /** A listing that shows some objects twice. */
  repeated: ["list"],
} as const satisfies Readonly<Record<string, readonly Verb[]>>;

export type HonestFault = keyof typeof HONEST;
export type Lie = keyof typeof LIES;
export type Fault = HonestFault | Lie;

export const honestFaults: readonly HonestFault[] = Object.keys(HONEST) as HonestFault[];
export const lies: readonly Lie[] = Object.keys(LIES) as Lie[];

const verbsOf: Readonly<Record<Fault, readonly Verb[]>> = { ...HONEST, ...LIES };

/** How likely each fault is for a call that it can happen to, from 0 to 1. */
export type Weather = Readonly<Partial<Record<Fault, number>>>;

/** The faults of a weather that can happen to a verb, with their likelihoods. */
export function faultsOf(weather: Weather, verb: Verb): readonly (readonly [Fault, number])[] {
  return (Object.entries(weather) as [Fault, number][]).filter(([fault]) => verbsOf[fault].includes(verb));
}

export function isLying(weather: Weather): boolean {
  return lies.some((lie) => (weather[lie] ?? 0) > 0);
}
