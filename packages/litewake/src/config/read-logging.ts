// Reads the `logging:` block.
import { DEFAULT_LOGGING, type LoggingConfig } from "./config.ts";
import type { YamlMap } from "./yaml-map.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

export function readLogging(parent: YamlMap): LoggingConfig {
  const logging = parent.map("logging");
  if (logging === undefined) return DEFAULT_LOGGING;
  logging.only(["level", "type", "stderr"], "in logging");
  const level = logging.string("level")?.toLowerCase() ?? DEFAULT_LOGGING.level;
  const known = level === "warning" ? "warn" : LEVELS.find((name) => name === level);
  if (known === undefined)
    throw logging.error("level", `level: ${JSON.stringify(level)} is no level`, `one of ${LEVELS.join(", ")}`);
  const type = logging.string("type") ?? DEFAULT_LOGGING.type;
  if (type !== undefined && type !== "text" && type !== "json")
    throw logging.error("type", `type: ${JSON.stringify(type)} is no form of log`, "text or json");
  return { level: known, type, stderr: logging.boolean("stderr") ?? false };
}
