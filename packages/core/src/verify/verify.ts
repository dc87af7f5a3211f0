// Proves a whole replica without a database: every generation, every snapshot, every segment from its snapshot on.
import { ReplicaError } from "../backend/error.ts";
import { AgeKeyError } from "../codec/age-error.ts";
import { LitewakeError } from "../errors.ts";
import { type Catalog, type GenerationRecord, holdsLtx, readCatalog } from "../replica/catalog.ts";
import type { Generation } from "../replica/position.ts";
import type { Pin } from "../replica/retention-plan.ts";
import { ObjectDecoder } from "../restore/object-decoder.ts";
import { ProgressMeter, type RestoreProgress } from "../restore/progress.ts";
import { named, type ReplicaSource, sourceError } from "../restore/source-choice.ts";
import { chooseGeneration } from "../restore/target.ts";
import { type Finding, Findings } from "./finding.ts";
import { type CheckedGeneration, checkGeneration } from "./generation-check.ts";
import type { GenerationProof, ProvedPlace, Window } from "./generation-proof.ts";
import { lookAgain, type SecondLook } from "./meanwhile.ts";

const PARALLELISM = 48;

export interface VerifyRequest {
  readonly replica: ReplicaSource;
  /** Only this one; default: all. */
  readonly generation?: Generation | undefined;
  /** Objects fetched at the same time; default 48. */
  readonly parallelism?: number | undefined;
  /** Places that retention keeps however old (a fleet's pinned points): a gap behind one is no damage. */
  readonly pins?: readonly Pin[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

interface Request extends VerifyRequest {
  /** False: Litestream 0.5's files are not looked for, which takes eleven listings. */
  readonly lookForLtx?: boolean;
}

/** How far it has come. */
export type VerifyProgress = Omit<RestoreProgress, "phase">;

/** What was proved of one generation. */
export interface VerifiedGeneration {
  readonly generation: Generation;
  readonly snapshots: number;
  /** Those that a restore may need: from the first snapshot on. */
  readonly segments: number;
  /** As stored. */
  readonly bytes: number;
  /** Every moment in them can be restored. */
  readonly windows: readonly Window[];
  /** The furthest place that a restore reaches; null: none. */
  readonly newest: ProvedPlace | null;
  /** False: it does not say where its indexes end (Litestream's own do not), so a missing tail would show only in SQLite's check of a restore. */
  readonly provenEnds: boolean;
  readonly damaged: boolean;
}

export interface VerifyReport {
  readonly replica: string;
  readonly url: string;
  /** False: something that was there cannot be restored. */
  readonly sound: boolean;
  readonly generations: readonly VerifiedGeneration[];
  /** All, up to 10,000; damage and notes. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
  /** The newest place that is proved, in the generation written to last if it has one. */
  readonly newest: ProvedPlace | null;
  /** Objects read. */
  readonly objects: number;
  /** As stored. */
  readonly bytes: number;
  readonly elapsedMs: number;
}

/** A report, and the proofs behind it for whoever asks about single places. */
export interface Verified {
  readonly report: VerifyReport;
  readonly proofs: ReadonlyMap<Generation, GenerationProof>;
}

/**
 * Reads each object once, after one listing. Damage is reported, not thrown; thrown are a `LitewakeError` of kind
 * `no-backup`, `unreachable`, `usage` or `aborted`. Memory is bounded whatever the size, and nothing is written anywhere.
 */
export async function verify(request: VerifyRequest): Promise<VerifyReport> {
  return (await verifyWithProofs(request)).report;
}

export async function verifyWithProofs(request: Request): Promise<Verified> {
  const { replica, signal } = request;
  try {
    return await read(request);
  } catch (error) {
    if (signal?.aborted === true)
      throw new LitewakeError("aborted", "the verification was cancelled", { cause: error });
    if (!(error instanceof LitewakeError) && !ReplicaError.is(error)) throw error;
    throw named({ source: replica, error: sourceError(error, replica) });
  }
}

async function read(request: Request): Promise<Verified> {
  const { replica, generation, pins = [], signal = new AbortController().signal } = request;
  const { client } = replica;
  const startedMs = performance.now();
  const catalog = await readCatalog(client, { signal });
  const records = catalog.generations.filter((record) => generation === undefined || record.generation === generation);
  // Says why there is nothing to verify.
  if (records.length === 0) chooseGeneration(catalog, generation === undefined ? {} : { generation });
  const bytesTotal = records.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const segmentsTotal = records.reduce((sum, { segments }) => sum + segments.length, 0);
  const progress = new ProgressMeter(bytesTotal, segmentsTotal, request.onProgress);
  await using decoder = new ObjectDecoder(bytesTotal);
  const parallelism = Math.max(1, request.parallelism ?? PARALLELISM);
  const onBytes = (count: number) => progress.fetched(count);
  const checked: CheckedGeneration[] = [];
  const findings = new Findings<Finding>();
  for (const record of records) {
    try {
      checked.push(await checkGeneration(record, { client, decoder, onBytes, signal, parallelism, progress, pins }));
    } catch (error) {
      passOver(error, record, records, findings);
    }
  }
  const isClean = checked.every(({ findings: { damaged } }) => damaged === 0);
  // Objects may have gone by retention, or come, since they were listed.
  const again = isClean ? undefined : await readCatalog(client, { signal });
  const generations = checked.map((one) => judge(one, lookAgain(one.proof, again, pins), findings));
  await nameForeign(request, catalog, findings);
  const report: VerifyReport = {
    replica: replica.name,
    url: client.url,
    sound: findings.damaged === 0,
    generations: generations.map(({ verified }) => verified),
    findings: findings.listed,
    findingCount: findings.count,
    newest: newestOf(generations.map(({ proof }) => proof)),
    objects: generations.reduce((sum, { verified }) => sum + verified.snapshots + verified.segments, 0),
    bytes: progress.bytes,
    elapsedMs: Math.round(performance.now() - startedMs),
  };
  return { report, proofs: new Map(generations.map(({ proof }) => [proof.record.generation, proof])) };
}

/** Encryption was turned on in the replica's life: the generations before are no worse for it. Throws any other error. */
function passOver(
  error: unknown,
  { generation }: GenerationRecord,
  records: readonly GenerationRecord[],
  findings: Findings<Finding>,
): void {
  if (!(error instanceof AgeKeyError) || error.problem !== "not-encrypted" || records.length === 1) throw error;
  const what = "it is not encrypted, although age keys are given";
  findings.add({ kind: "note", generation, what, means: "it is not proved; verify it by itself, without age keys" });
}

function judge(checked: CheckedGeneration, { proof, isMoot }: SecondLook, findings: Findings<Finding>) {
  const { record } = proof;
  const { generation } = record;
  const before = findings.damaged;
  for (const raw of checked.findings.listed) {
    const { kind, index, offset, key, what } = raw;
    const gone = kind === "damage" && isMoot(raw);
    const means = gone ? "retention has deleted it meanwhile" : (raw.means ?? proof.lostAround(momentOf(record, raw)));
    findings.add({ kind: gone ? "note" : kind, generation, index, offset, key, what, means });
  }
  const verified: VerifiedGeneration = {
    generation,
    snapshots: record.snapshots.length,
    segments: checked.segments,
    bytes: record.sizeBytes,
    windows: proof.windows,
    newest: proof.newest ?? null,
    provenEnds: checked.provenEnds,
    damaged: findings.damaged > before,
  };
  return { verified, proof };
}

function momentOf(
  record: GenerationRecord,
  { segment, snapshot }: { segment?: number | undefined; snapshot?: number | undefined },
): Date {
  if (segment !== undefined) return new Date(record.segments.modifiedMsAt(segment));
  return record.snapshots.find(({ index }) => index === snapshot)?.modifiedAt ?? record.updatedAt;
}

async function nameForeign(
  { replica, signal, lookForLtx = true }: Request,
  catalog: Catalog,
  findings: Findings<Finding>,
): Promise<void> {
  const means = "a restore passes it over";
  for (const key of catalog.foreign) findings.add({ kind: "note", key, what: "no name of the layout", means });
  const unnamed = catalog.foreignCount - catalog.foreign.length;
  if (unnamed > 0) findings.add({ kind: "note", what: `${unnamed} more names that are not of the layout`, means });
  if (lookForLtx && (await holdsLtx(replica.client, { signal }))) {
    const what = "the replica also holds Litestream 0.5 LTX files";
    findings.add({ kind: "note", what, means: "they may be newer, and are neither read nor proved" });
  }
}

/** Of the generation written to last that has a proved place. */
function newestOf(proofs: readonly GenerationProof[]): ProvedPlace | null {
  const byDate = proofs.toSorted((a, b) => b.record.updatedAt.getTime() - a.record.updatedAt.getTime());
  return byDate.map(({ newest }) => newest).find((place) => place !== undefined) ?? null;
}
