// What a client says when it fails.
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { type ReplicaClient, ReplicaError } from "@litewake/core/backend";
import { collect, text } from "../bytes.ts";
import { type CaseContext, type ConformanceCase, defineCase } from "../case.ts";
import { rejectsWith } from "../expect.ts";

export const errorCases: readonly ConformanceCase[] = [
  defineCase(
    "errors.denied",
    "wrong credentials are Denied by each verb, and nothing is changed",
    async ({ subject }) => {
      const client = await openDenied(subject);
      if (client === undefined) return;
      try {
        for (const [verb, call] of verbs(client)) {
          const error = await rejectsWith(call, verb, "Denied");
          assert.equal(error.retryable, false, `${verb}: no retry can help`);
        }
      } finally {
        await client.close();
      }
    },
    ["denied"],
  ),

  defineCase(
    "errors.no-secrets",
    "no secret is printed: in url, errors, their causes, or the client itself",
    async ({ client, subject }) => {
      const shown: string[] = [...everyForm(client), client.url];
      await client.get("no/such").catch((error: unknown) => shown.push(...everyForm(error)));
      await client.put("../no", text("x")).catch((error: unknown) => shown.push(...everyForm(error)));
      const signal = AbortSignal.abort();
      await client.put("a", text("x"), { signal }).catch((error: unknown) => shown.push(...everyForm(error)));
      const denied = await openDenied(subject, (error) => shown.push(...everyForm(error)));
      if (denied !== undefined) {
        shown.push(denied.url, ...everyForm(denied));
        for (const [, call] of verbs(denied)) await call().catch((error: unknown) => shown.push(...everyForm(error)));
        await denied.close();
      }
      for (const secret of subject.secrets ?? []) {
        assert.ok(
          !shown.some((textShown) => textShown.includes(secret)),
          `a secret of ${secret.length} characters was printed`,
        );
      }
    },
    ["secrets"],
  ),
];

function verbs(client: ReplicaClient): [string, () => Promise<unknown>][] {
  return [
    ["get", async () => collect(await client.get("a/object"))],
    ["put", () => client.put("a/object", text("x"))],
    ["delete", () => client.delete(["a/object"])],
    [
      "list",
      async () => {
        for await (const _object of client.list(""));
      },
    ],
  ];
}

async function openDenied(
  subject: CaseContext["subject"],
  onError: (error: unknown) => void = () => {},
): Promise<ReplicaClient | undefined> {
  try {
    return await subject.denied?.();
  } catch (error) {
    if (!ReplicaError.is(error, "Denied")) throw error;
    onError(error);
    return undefined;
  }
}

function everyForm(value: unknown): string[] {
  const forms = [String(value), inspect(value, { depth: 12, showHidden: true, getters: false, maxStringLength: null })];
  if (value instanceof Error) forms.push(value.message, value.stack ?? "");
  try {
    forms.push(JSON.stringify(value) ?? "");
  } catch {
    // A circle: inspect has shown it.
  }
  return forms;
}
