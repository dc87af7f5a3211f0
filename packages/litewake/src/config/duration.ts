// Durations as Go writes them (`1h30m`, `500ms`), which is how litestream.yml has them.

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const whole = /^([+-])?((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/** Milliseconds. `undefined`: not a duration. `0` needs no unit; other bare numbers are refused: Go takes them as nanoseconds. */
export function parseDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  if (!whole.test(text)) return undefined;
  let ms = 0;
  for (const [, number, unit] of text.matchAll(part)) ms += Number(number) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  return text.startsWith("-") ? -ms : ms;
}
