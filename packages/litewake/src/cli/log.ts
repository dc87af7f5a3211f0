// Turns events of core into lines: text for people, JSON for machines. No setting of a replica ever gets here.
import { type LogFields, type Logger, type LogLevel, oneLine } from "@litewake/core";
import { withoutSecrets } from "@litewake/core/backend";
import type { LoggingConfig } from "../config/config.ts";

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createLogger(config: LoggingConfig): Logger {
  const stream = config.stderr ? process.stderr : process.stdout;
  const type = config.type ?? usualType(stream);
  return (level, message, fields) => {
    if (RANK[level] < RANK[config.level]) return;
    stream.write(type === "json" ? jsonLine(level, message, fields) : textLine(level, message, fields));
  };
}

function jsonLine(level: LogLevel, message: string, fields: LogFields = {}): string {
  const line = JSON.stringify({ time: new Date().toISOString(), level: level.toUpperCase(), msg: message, ...fields });
  return `${withoutSecrets(line)}\n`;
}

function textLine(level: LogLevel, message: string, fields: LogFields = {}): string {
  const parts = Object.entries(fields).filter(([, value]) => value !== undefined);
  const text = parts.map(([name, value]) => ` ${name}=${quoted(String(value))}`).join("");
  return `time=${new Date().toISOString()} level=${level.toUpperCase()} msg=${quoted(message)}${text}\n`;
}

function quoted(text: string): string {
  return /^[^\s"=]+$/.test(text) ? oneLine(text) : JSON.stringify(oneLine(text));
}

/** People read terminals, machines read the rest; LITEWAKE_LOG_TYPE says otherwise where there is no configuration. */
function usualType({ isTTY }: NodeJS.WriteStream): "text" | "json" {
  const wanted = process.env["LITEWAKE_LOG_TYPE"];
  if (wanted === "text" || wanted === "json") return wanted;
  return isTTY ? "text" : "json";
}
