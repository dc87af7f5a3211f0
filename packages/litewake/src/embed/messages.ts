// What the application's process and the engine's say to each other, as plain JSON over the channel between them.
import type { Source } from "./options.ts";
import type { DatabaseStatus, FailureKind, LogFields, LogLevel } from "@litewake/core";

/** From the application. */
export type Order =
  | {
      readonly kind: "start";
      readonly source: Source;
      readonly cwd: string;
      readonly newHistory: boolean;
      readonly takeOver: boolean;
      readonly restore: boolean;
    }
  | { readonly kind: "call"; readonly id: number; readonly call: Call };

export type Call =
  | { readonly method: "sync" | "status" | "stop"; readonly timeoutMs?: number }
  | { readonly method: "point"; readonly name: string | null };

/** From the engine. */
export type News =
  | { readonly kind: "ready" }
  | { readonly kind: "started"; readonly status: readonly DatabaseStatus[] }
  | { readonly kind: "failed"; readonly error: Failure }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "refusal"; readonly id: number; readonly error: Failure }
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string; readonly fields: LogFields }
  | { readonly kind: "status"; readonly status: readonly DatabaseStatus[] };

/** An error, as it crosses. */
export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
}
