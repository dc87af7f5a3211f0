// What core says while it works: one line an event, with fields a machine can read. The host decides how it looks.

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Receives each event. Must not throw, and must not block: it is called from the middle of the protocol. */
export interface Logger {
  (level: LogLevel, message: string, fields?: LogFields): void;
}

export const silent: Logger = () => {};
