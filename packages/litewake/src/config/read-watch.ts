// Reads where metrics are served, when a replica counts as stale, and who is told that all is well.
import { parseAddress } from "../watching/server.ts";
import { DEFAULT_WATCH, type WatchConfig } from "./config.ts";
import type { YamlMap } from "./yaml-map.ts";

const HEARTBEAT_MS = 300_000;

/** The keys; in a `replication:` block words are joined by `_`, elsewhere by `-`. */
export function watchKeys(join: "_" | "-") {
  return { stale: `stale${join}after`, url: `heartbeat${join}url`, interval: `heartbeat${join}interval` };
}

export function readWatch(map: YamlMap, join: "_" | "-"): WatchConfig {
  const keys = watchKeys(join);
  const addr = map.string("addr");
  if (addr !== undefined && addr !== "" && parseAddress(addr) === undefined) {
    throw map.error(
      "addr",
      `addr: ${JSON.stringify(addr)} is no address`,
      'write it as ":9090" for this host alone, or "0.0.0.0:9090" for all',
    );
  }
  const url = map.string(keys.url) ?? "";
  if (url !== "" && !/^https?:\/\/./.test(url)) {
    throw map.error(keys.url, `${keys.url} is no http:// or https:// URL`, "leave it out where nobody listens");
  }
  const intervalMs = map.duration(keys.interval, 1000) ?? HEARTBEAT_MS;
  return {
    addr: addr === "" ? undefined : addr,
    staleMs: map.duration(keys.stale, 1) ?? DEFAULT_WATCH.staleMs,
    heartbeat: url === "" ? undefined : { url, intervalMs },
  };
}
