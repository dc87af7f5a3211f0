// Restores a damaged replica and says whether a promise was broken: the exact state, or a refusal that leaves nothing.
import fs from "node:fs";
import { LitewakeError, restore, type RestoreRefusal, type RestoreResult } from "@litewake/core";
import type { DamagedReplica } from "./damaged-replica.ts";
import { clientOf, isSame } from "./objects.ts";
import type { Shape } from "./shapes.ts";
import { at, before } from "./states.ts";
import { furthest, type GenerationPlace } from "./target.ts";
import { unprovable } from "./unprovable.ts";
import { hasNewNames, visiblyLater } from "./visible.ts";

export type Outcome =
  | { readonly kind: "exact" | "refused" | "refused-and-rescued" }
  /** Refused, and what it named turned out to be damaged too: the last point that can be proved is earlier, if there is one. */
  | { readonly kind: "refused-and-named-more" }
  /** Right, but older than the sound replica's: nothing that is left shows that there was more. */
  | { readonly kind: "tail-lost" }
  /** Wrong, and nothing could show it: why. */
  | { readonly kind: "unprovable"; readonly why: string }
  | { readonly kind: "broken"; readonly why: string };

/** What is judged: the product, or a wrong variant of it that must be caught. */
export type Restorer = typeof restore;

interface Run {
  readonly result: RestoreResult | undefined;
  readonly bytes: Buffer | undefined;
  readonly error: LitewakeError | undefined;
  readonly left: readonly string[];
}

const broken = (why: string): Outcome => ({ kind: "broken", why });

/** `folder` is empty, and is again afterwards. */
export async function judge(replica: DamagedReplica, folder: string, by: Restorer = restore): Promise<Outcome> {
  const run = await attempt(replica, folder, false, by);
  if (run.left.length > 0) return broken(`left behind: ${run.left.join(", ")}`);
  if (run.result !== undefined) return judgeResult(replica, run.result, run.bytes);
  if (run.error === undefined) return broken("neither a result nor an error");
  const wrong = judgeRefusal(replica, run.error);
  if (wrong !== undefined) return broken(wrong);
  if (run.error.kind !== "damaged") return { kind: "refused" };
  return judgeRescue(replica, run.error as RestoreRefusal, await attempt(replica, folder, true, by));
}

async function attempt(replica: DamagedReplica, folder: string, bestEffort: boolean, restorer: Restorer): Promise<Run> {
  const output = `${folder}/restored.db`;
  const replicas = [{ name: "damaged", client: clientOf(replica.objects, replica.vanished) }];
  try {
    const result = await restorer({ replicas, output, target: replica.target, bestEffort });
    const bytes = fs.readFileSync(output);
    fs.rmSync(output);
    return { result, bytes, error: undefined, left: fs.readdirSync(folder) };
  } catch (error) {
    if (!(error instanceof LitewakeError)) throw error;
    const left = fs.readdirSync(folder);
    for (const name of left) fs.rmSync(`${folder}/${name}`);
    return { result: undefined, bytes: undefined, error, left };
  }
}

function isExact({ shape }: DamagedReplica, { position }: RestoreResult, bytes: Buffer | undefined): boolean {
  const states = shape.truth.states.get(at(position.generation, position)) ?? [];
  return bytes !== undefined && states.some((state) => state.equals(bytes));
}

function expected({ shape, target }: DamagedReplica): GenerationPlace | undefined {
  return furthest(shape.truth, target, true, () => true);
}

function judgeResult(replica: DamagedReplica, result: RestoreResult, bytes: Buffer | undefined): Outcome {
  const { position } = result;
  const place = `${position.generation}/${position.index}:${position.offset}`;
  if (!isExact(replica, result, bytes)) {
    const why = unprovable(replica, result);
    return why === undefined
      ? broken(`exit 0 with a database that never was at ${place}`)
      : { kind: "unprovable", why };
  }
  const wanted = expected(replica);
  if (wanted === undefined) return broken(`restored ${place}, where a sound replica has nothing`);
  if (wanted.generation === position.generation && !before(position, wanted) && !before(wanted, position)) {
    return { kind: "exact" };
  }
  const evidence = visiblyLater(replica, position);
  if (evidence === undefined) return { kind: "tail-lost" };
  const why = unprovable(replica, result);
  if (why !== undefined) return { kind: "unprovable", why };
  return broken(
    `exit 0 with ${place} instead of ${wanted.generation}/${wanted.index}:${wanted.offset}, though ${evidence}`,
  );
}

function judgeRefusal({ shape, objects, target }: DamagedReplica, error: LitewakeError): string | undefined {
  const said = `${error.kind}: ${error.message}`;
  if (error.kind === "no-backup") {
    const left = [...objects.keys()].filter((key) => key.startsWith(`generations/${target.generation ?? ""}`));
    const isGone = left.every((key) => shape.truth.byKey.get(key) === undefined);
    return isGone || target.timestamp !== undefined ? undefined : `objects are there, and yet: ${said}`;
  }
  if (error.kind === "usage") return target.index === undefined ? said : undefined;
  if (error.kind !== "damaged") return said;
  const { place, provable } = error as RestoreRefusal;
  if (place === undefined || !error.message.includes(`generation=${place.generation}`)) return `no place in: ${said}`;
  if (place.index === undefined) return `no index in: ${said}`;
  if (provable !== undefined && !error.message.includes("-best-effort")) return `no way out in: ${said}`;
  return /\n/.test(error.message) ? `several lines: ${said}` : undefined;
}

/** What the refusal says can be had must be had, by the flag that it names; and no less than what is sound. */
function judgeRescue(replica: DamagedReplica, refusal: RestoreRefusal, run: Run): Outcome {
  const { shape, target } = replica;
  if (run.left.length > 0) return broken(`-best-effort left behind: ${run.left.join(", ")}`);
  const { provable } = refusal;
  const isThere = (key: string): boolean =>
    !replica.vanished.has(key) && isSame(replica.objects.get(key)?.bytes, shape.objects.get(key)?.bytes);
  // Where objects do not say where they belong, what is sound cannot always be told from what is not.
  const isTold = shape.proofs === "full" && !hasNewNames(replica);
  const ideal = isTold ? furthest(shape.truth, target, true, isThere) : undefined;
  const { result, error } = run;
  if (result === undefined) {
    if (ideal !== undefined) return broken(`-best-effort refuses, though ${shown(ideal)} is sound: ${error?.message}`);
    if (provable === undefined) return { kind: "refused" };
    if (isTold && replica.damages === 1) {
      return broken(`-best-effort refuses what it named: ${refusal.message} THEN ${error?.message}`);
    }
    return { kind: "refused-and-named-more" };
  }
  const { position, bestEffort } = result;
  if (!isExact(replica, result, run.bytes)) {
    const why = unprovable(replica, result);
    return why === undefined
      ? broken(`-best-effort gives a database that never was, at ${shown(position)}: ${refusal.message}`)
      : { kind: "unprovable", why: `-best-effort: ${why}` };
  }
  if (bestEffort === undefined) return broken("-best-effort says nothing of what it had to do without");
  if (ideal !== undefined && isBehind(shape, position, ideal))
    return broken(`-best-effort reaches ${shown(position)} where ${shown(ideal)} is sound: ${refusal.message}`);
  if (provable === undefined)
    return broken(`-best-effort reaches ${shown(position)}, the refusal named nothing: ${refusal.message}`);
  const stated = { generation: provable.generation as string, index: provable.index, offset: provable.offset };
  const isLess = isBehind(shape, position, stated);
  if (isTold && replica.damages === 1 && isLess)
    return broken(`-best-effort reaches ${shown(position)}, the refusal named ${shown(stated)}: ${refusal.message}`);
  const wanted = expected(replica);
  const isWanted = wanted !== undefined && shown(wanted) === shown(position);
  if (bestEffort.complete && !isWanted && visiblyLater(replica, position) !== undefined)
    return broken(`"complete" at ${shown(position)}`);
  if (bestEffort.damage.length === 0) return broken("-best-effort names no damage");
  return { kind: isLess ? "refused-and-named-more" : "refused-and-rescued" };
}

function isBehind({ truth }: Shape, reached: GenerationPlace, wanted: GenerationPlace): boolean {
  const [a, b] = [truth.generations.indexOf(reached.generation), truth.generations.indexOf(wanted.generation)];
  return a > b || (a === b && before(reached, wanted));
}

function shown({ generation, index, offset }: GenerationPlace): string {
  return `${generation}/${index}:${offset}`;
}
