// One way to damage a replica.
import type { Random } from "../../../testkit/writers/random.ts";
import type { StoredObject } from "./objects.ts";
import type { Shape } from "./shapes.ts";

export interface Damage {
  /** What it does to which object, for a person. */
  readonly what: string;
  readonly apply: (objects: Map<string, StoredObject>) => void;
  /** How many objects are not what they were; default 1. */
  readonly objects?: number;
  /** Keys that a listing shows and a get does not find. */
  readonly vanished?: readonly string[];
}

export interface DamageClass {
  readonly name: string;
  /** Every damage of the class to a shape, in an order that does not change; some draw at random. */
  readonly list: (shape: Shape, random: Random) => readonly Damage[];
}

/** Keys as a person reads them in a report. */
export function short(key: string): string {
  return key.replace("generations/", "").replace(/^(....)[0-9a-f]{12}/, "$1…");
}

export function bytesOf(shape: Shape, key: string): Uint8Array {
  const object = shape.objects.get(key);
  if (object === undefined) throw new Error(`there is no ${key}`);
  return object.bytes;
}

/** Other bytes under the same name, with the same date. */
export function replaced(key: string, how: string, bytes: (now: Uint8Array) => Uint8Array): Damage {
  return {
    what: `${short(key)}: ${how}`,
    apply: (objects) => {
      const now = objects.get(key);
      if (now !== undefined) objects.set(key, { bytes: bytes(now.bytes), modifiedAt: now.modifiedAt });
    },
  };
}

export function deleted(keys: readonly string[], why = "deleted"): Damage {
  return {
    what: `${keys.map(short).join(", ")}: ${why}`,
    objects: keys.length,
    apply: (objects) => {
      for (const key of keys) objects.delete(key);
    },
  };
}

/** Another name for bytes of the sound replica. */
export function added(key: string, from: string, bytes: Uint8Array, date: Date): Damage {
  return {
    what: `${short(from)}: also as ${short(key)}`,
    apply: (objects) => void objects.set(key, { bytes, modifiedAt: date }),
  };
}
