// Tables as Litestream prints them: columns padded by two spaces, a header row.
import { oneLine } from "@litewake/core";

/** Each row ends with a newline; no trailing blanks are added behind the last column. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map(oneLine));
  const widths = header.map((_, column) => all.reduce((widest, row) => Math.max(widest, width(row[column] ?? "")), 0));
  return all
    .map(
      (row) =>
        `${row.map((cell, i) => (i === header.length - 1 ? cell : padded(cell, (widths[i] ?? 0) + 2))).join("")}\n`,
    )
    .join("");
}

/** Characters, not UTF-16 units, as Go's tabwriter counts. */
function width(cell: string): number {
  return Array.from(cell).length;
}

function padded(cell: string, to: number): string {
  return cell + " ".repeat(to - width(cell));
}

/** RFC 3339 in UTC, whole seconds, as Litestream prints times. */
export function shortTime(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}

/** A lag as Litestream prints it: cut to a second above 10 s, to 0.1 s above 1 s, to 1 ms above 1 ms (formats.md A6). */
export function formatLag(ms: number): string {
  const sign = ms < 0 ? "-" : "";
  const size = Math.abs(ms);
  if (size > 10_000) return sign + formatSeconds(Math.floor(size / 1000));
  if (size > 1000) return `${sign}${Math.floor(size / 100) / 10}s`;
  if (size > 1) return `${sign}${Math.floor(size)}ms`;
  return size === 0 ? "0s" : `${sign}${Math.floor(size * 1000)}µs`;
}

/** 3661 as "1h1m1s". */
export function formatSeconds(total: number): string {
  const h = Math.floor(total / 3600);
  const m = Math.floor((total % 3600) / 60);
  const s = total % 60;
  if (h > 0) return `${h}h${m}m${s}s`;
  return m > 0 ? `${m}m${s}s` : `${s}s`;
}

/** 1536 as "1.5 KiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}
