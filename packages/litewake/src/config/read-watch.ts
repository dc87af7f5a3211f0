// Reads where metrics are served, and when a replica counts as stale.
import { parseAddress } from "../watching/server.ts";
import { DEFAULT_WATCH, type WatchConfig } from "./config.ts";
import type { YamlMap } from "./yaml-map.ts";

/** `staleKey`: the key of the limit, spelt as its block spells keys. */
export function readWatch(map: YamlMap, staleKey: string): WatchConfig {
  const addr = map.string("addr");
  if (addr !== undefined && addr !== "" && parseAddress(addr) === undefined) {
    throw map.error("addr", `addr: ${JSON.stringify(addr)} is no address`, 'write it as ":9090" or "127.0.0.1:9090"');
  }
  return { addr: addr === "" ? undefined : addr, staleMs: map.duration(staleKey, 1) ?? DEFAULT_WATCH.staleMs };
}
