// What `litewake verify` says: a table of what can be restored, the findings, one line at the end.
import { type Finding, type FleetVerifyReport, formatPosition, type VerifyReport } from "@litewake/core";
import { formatBytes, shortTime, table } from "./table.ts";

const HEADER = ["replica", "generation", "snapshots", "segments", "size", "restorable from", "to", "state"];
/** On a terminal nobody reads more; `-json` has all. */
const SHOWN = 200;

/** One row for each stretch of moments that can be restored. */
function rowsOf({ replica, generations }: VerifyReport): string[][] {
  return generations.flatMap(({ generation, snapshots, segments, bytes, windows, damaged, provenEnds }) => {
    const state = damaged ? "damaged" : provenEnds ? "proved" : "proved but for the ends of its indexes";
    const first = [replica, generation, String(snapshots), String(segments), formatBytes(bytes)];
    const [window, ...more] = windows;
    if (window === undefined) return [[...first, "-", "-", state]];
    const rest = more.map(({ from, to }) => ["", "", "", "", "", from.toISOString(), to.toISOString(), ""]);
    return [[...first, window.from.toISOString(), window.to.toISOString(), state], ...rest];
  });
}

/** `damage  <place>  <what>: <what it means>`. */
function lineOf(finding: Finding, replica: string): string {
  const { kind, generation, index, offset, key, what, means } = finding;
  const hex = index?.toString(16).padStart(8, "0");
  const place = [
    ...(generation === undefined ? [] : [`generation=${generation}`]),
    ...(hex === undefined ? [] : [`index=${hex}`]),
    ...(offset === undefined ? [] : [`offset=${offset}`]),
    ...(key === undefined ? [] : [key]),
  ];
  return `${kind.padEnd(6)}  ${[replica, ...place].join(" ")}: ${what}; ${means}\n`;
}

function linesOf(findings: readonly Finding[], count: number, replica: string): string {
  const shown = findings.slice(0, SHOWN).map((finding) => lineOf(finding, replica));
  return `${shown.join("")}${count > SHOWN ? `${count - SHOWN} more; -json has them\n` : ""}`;
}

/** The table and the findings of single replicas. */
export function reportText(reports: readonly VerifyReport[]): string {
  const findings = reports.map((report) => linesOf(report.findings, report.findingCount, report.replica));
  return table(HEADER, reports.flatMap(rowsOf)) + findings.join("");
}

export function fleetText(fleet: FleetVerifyReport): string {
  const { databases, findings, findingCount, points, manifest, lease } = fleet;
  const reports = databases.flatMap(({ report }) => (report === null ? [] : [report]));
  const empty = databases
    .filter(({ report }) => report === null)
    .map(({ name }) => [name, "-", "", "", "", "-", "-", ""]);
  const own = linesOf(findings, findingCount, "fleet");
  const single = reports.map((report) => linesOf(report.findings, report.findingCount, report.replica)).join("");
  const newest = points.newest === null ? "" : `, the newest of ${shortTime(points.newest)}`;
  const shards = manifest === null ? "none" : `epoch ${manifest.epoch}, ${manifest.shards.length} shards`;
  const held = lease?.released === true ? "given up by" : "held by";
  const holder =
    lease === null ? "none" : `${held} ${lease.owner ?? "somebody"}, renewed ${shortTime(lease.renewedAt)}`;
  const parts = [
    `points    ${points.reachable} of ${points.checked} can be restored${newest}`,
    `manifest  ${shards}`,
    `lease     ${holder}`,
  ];
  return `${table(HEADER, [...reports.flatMap(rowsOf), ...empty])}${parts.join("\n")}\n${own}${single}`;
}

/** The one line of a replica, for standard error. */
export function verdictLine(report: VerifyReport): string {
  const { replica, url, sound, findings, newest, objects, bytes, elapsedMs } = report;
  const read = `${objects} objects, ${formatBytes(bytes)}, ${(elapsedMs / 1000).toFixed(2)} s`;
  const reach = newest === null ? "nothing" : `${formatPosition(newest)} (${shortTime(newest.moment)})`;
  if (sound) return `${replica} is proved restorable up to ${reach}: ${read}`;
  const count = findings.filter(({ kind }) => kind === "damage").length;
  return `${url} is damaged in ${count} ${count === 1 ? "place" : "places"}; newest point that is proved: ${reach}: ${read}`;
}

export function fleetVerdictLine(fleet: FleetVerifyReport): string {
  const { url, sound, databases, objects, bytes, elapsedMs } = fleet;
  const read = `${objects} objects, ${formatBytes(bytes)}, ${(elapsedMs / 1000).toFixed(2)} s`;
  if (sound) return `${url} is proved restorable, ${databases.length} databases: ${read}`;
  const bad = databases.filter(({ report }) => report?.sound === false).map(({ name }) => name);
  return `${url} is damaged (${bad.length === 0 ? "what is one for all" : bad.slice(0, 10).join(", ")}): ${read}`;
}
