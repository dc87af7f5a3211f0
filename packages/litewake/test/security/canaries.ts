// Secrets that are recognised wherever they come out, in the forms that software gives them.
import { inspect } from "node:util";

export interface Canary {
  readonly name: string;
  readonly value: string;
}

let count = 0;

/** Of characters that are written otherwise in URLs, JSON and headers. */
export function canary(name: string): Canary {
  return { name, value: `KANARI+/${name.replaceAll(/[^a-z]/gi, "")}=${(count++).toString(36)} &~end` };
}

/** As some settings want them: base64 of so many bytes. */
export function canaryKey(name: string, bytes: number): Canary {
  const text = `KANARI-${name}-${count++}`.padEnd(bytes, "x").slice(0, bytes);
  return { name, value: Buffer.from(text).toString("base64") };
}

/** The canaries that a text holds: as they are, cut to their unmistakable middle, in URLs' form, in base64 at any alignment. */
export function leaksIn(text: string, canaries: readonly Canary[]): string[] {
  return canaries.filter(({ value }) => formsOf(value).some((form) => text.includes(form))).map(({ name }) => name);
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const aligned = [0, 1, 2].map((shift) => {
    // What surrounds it changes the first and the last letters.
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    return text.slice(shift === 0 ? 0 : shift + 1, -2);
  });
  const hex = bytes.toString("hex");
  return [value, encodeURIComponent(value), value.slice(2, -4), hex, ...aligned].filter((form) => form.length > 8);
}

/** Everything that an error says, to whoever prints it with all that hangs on it. */
export function told(error: unknown): string {
  return inspect(error, { depth: 12, showHidden: true, getters: true, maxStringLength: null, maxArrayLength: null });
}
