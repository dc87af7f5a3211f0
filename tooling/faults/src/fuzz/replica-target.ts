// Whole replicas: a small valid one, changed as the input says, is restored exactly or refused. Inputs are lists of changes, so
// that every one of them means something.
import { createHash } from "node:crypto";
import fs from "node:fs";
import { tempDir } from "../../../testkit/src/temp-dir.ts";
import { DatabaseSync } from "node:sqlite";
import { MemoryClient } from "../../../../packages/conformance/src/memory-client.ts";
import { compressAll, decompressAll } from "../../../../packages/core/src/codec/lz4-stream.ts";
import { segmentKey, snapshotKey } from "../../../../packages/core/src/replica/layout.ts";
import type { Generation } from "../../../../packages/core/src/replica/position.ts";
import { encodeProof } from "../../../../packages/core/src/replica/proof.ts";
import { restore } from "../../../../packages/core/src/restore/restore.ts";
import { Broken, type FuzzTarget, proveRefusal } from "./target.ts";

interface Valid {
  readonly objects: ReadonlyMap<string, Uint8Array>;
  /** The snapshot's, as it stands before its frame. */
  readonly proof: Uint8Array;
  /** SHA-256 of the database after the snapshot and after each segment. */
  readonly states: readonly string[];
}

const generation = "fd6faaf1f3752b45" as Generation;
const COMMITS = 5;
/** Of the input, for each change: which object, where (two), by what, how. */
const CHANGE_BYTES = 5;
/** Kinds of them. */
const CHANGES = 9;
const folder = tempDir("fuzz-replica");
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
let runs = 0;

/** One database, its WAL cut at each commit into segments, and what SQLite makes of each prefix. */
function build(): Valid {
  const file = folder.join("source.db");
  const db = new DatabaseSync(file);
  db.exec(
    "pragma page_size=512; pragma journal_mode=wal; pragma wal_autocheckpoint=0; create table t(a); pragma wal_checkpoint(truncate)",
  );
  const base = fs.readFileSync(file);
  const ends = [0];
  for (let n = 0; n < COMMITS; n++) {
    db.exec(`insert into t values ('${"row ".repeat(200 * n + 1)}'); ${n === 3 ? "delete from t" : ""}`);
    ends.push(fs.statSync(`${file}-wal`).size);
  }
  const wal = fs.readFileSync(`${file}-wal`);
  db.close();
  const proof = encodeProof({
    version: 1,
    position: { index: 0, offset: 0 },
    pageSize: 512,
    pages: base.byteLength / 512,
    sha256: sha256(base),
  });
  const objects = new Map<string, Uint8Array>([
    [snapshotKey(generation, 0), Buffer.concat([proof, compressAll(base)])],
  ]);
  for (let n = 0; n < COMMITS; n++) {
    const bytes = compressAll(wal.subarray(ends[n], ends[n + 1]));
    objects.set(
      segmentKey(generation, 0, ends[n] ?? 0),
      n === 0 ? Buffer.concat([encodeProof({ version: 1 }), bytes]) : bytes,
    );
  }
  const states = ends.map((end) => {
    const prefix = folder.join("prefix.db");
    fs.writeFileSync(prefix, base);
    if (end > 0) {
      fs.writeFileSync(`${prefix}-wal`, wal.subarray(0, end));
      const applied = new DatabaseSync(prefix);
      applied.prepare("pragma wal_checkpoint(truncate)").get();
      applied.close();
    }
    return sha256(fs.readFileSync(prefix));
  });
  return { objects, proof, states };
}

let valid: Valid | undefined;

/** Takes bytes of the input one by one; 0 when there are no more. */
function reader(input: Uint8Array): () => number {
  let at = 0;
  return () => input[at++] ?? 0;
}

/** Applies the changes; answers whether an object went, which may hide the end of the history. */
function change(objects: Map<string, Uint8Array>, input: Uint8Array): boolean {
  const next = reader(input);
  let gone = false;
  // Half a change is none: what is missing would otherwise always stand for the same one.
  for (let changes = 0; changes < Math.floor(input.byteLength / CHANGE_BYTES); changes++) {
    const keys = [...objects.keys()];
    const key = keys[next() % keys.length] ?? "";
    const bytes = objects.get(key) ?? new Uint8Array();
    const place = ((next() << 8) | next()) % (bytes.byteLength + 1);
    const value = next();
    switch (next() % CHANGES) {
      case 0: {
        // Not `slice`, which of a Buffer is no copy.
        const flipped = Uint8Array.from(bytes);
        if (place < flipped.byteLength) flipped[place] = (flipped[place] ?? 0) ^ (value | 1);
        objects.set(key, flipped);
        break;
      }
      case 1:
        objects.set(key, bytes.subarray(0, place));
        break;
      case 2:
        objects.set(key, Buffer.concat([bytes, bytes.subarray(place)]));
        break;
      case 3:
        objects.set(key, objects.get(keys[value % keys.length] ?? "") ?? bytes);
        break;
      case 4:
        gone = objects.delete(key) || gone;
        break;
      case 5:
        objects.set(
          key.replace(/[0-9a-f]{8}(?=[._][^/]*$)/, (hex) =>
            ((Number.parseInt(hex, 16) + value) >>> 0).toString(16).padStart(8, "0"),
          ),
          bytes,
        );
        break;
      case 6: {
        // Below the codec: the frame is sound, what is in it is not.
        const plain = Uint8Array.from(plainOf(bytes));
        if (plain.byteLength > 0)
          plain[place % plain.byteLength] = (plain[place % plain.byteLength] ?? 0) ^ (value | 1);
        objects.set(key, stored(key, plain));
        break;
      }
      case 7: {
        const plain = plainOf(bytes);
        objects.set(key, stored(key, plain.subarray(0, (place * 37) % (plain.byteLength + 1))));
        break;
      }
      default:
        objects.set(
          `generations/${Buffer.from([value, place & 255])
            .toString("hex")
            .padStart(16, "0")}/${key.split("/").slice(2).join("/")}`,
          bytes,
        );
    }
  }
  return gone;
}

/**
 * A snapshot keeps its proof: without one, somebody who may write to the replica can make another valid snapshot, which
 * nothing tells from ours. WAL is proved by its own chain.
 */
function stored(key: string, plain: Uint8Array): Uint8Array {
  const frame = compressAll(plain);
  return key.includes("/snapshots/") ? Buffer.concat([valid?.proof ?? new Uint8Array(), frame]) : frame;
}

function plainOf(bytes: Uint8Array): Uint8Array {
  try {
    return decompressAll(bytes);
  } catch {
    return bytes;
  }
}

export const replicas: FuzzTarget = {
  name: "replica",
  // Each change by itself, at each object, near its beginning and further on.
  seeds: () =>
    Array.from({ length: 2 * (COMMITS + 1) * CHANGES }, (_, n) => {
      const object = n % (COMMITS + 1);
      const how = Math.floor(n / (COMMITS + 1)) % CHANGES;
      return Buffer.from([object, n < (COMMITS + 1) * CHANGES ? 0 : 1, 60 + n, 7 + n, how]);
    }),
  words: [],
  most: 64,
  async run(input) {
    valid ??= build();
    const changed = new Map(valid.objects);
    const gone = change(changed, input);
    const objects = new Map([...changed].map(([key, bytes], n) => [key, { bytes, modifiedAt: new Date(n * 1000) }]));
    const output = folder.join(`out-${runs++}.db`);
    try {
      await restore({ replicas: [{ name: "hostile", client: new MemoryClient({ objects }) }], output });
    } catch (error) {
      proveRefusal(error);
      const left = fs.readdirSync(folder.path).filter((name) => name.startsWith("out-"));
      if (left.length > 0) throw new Broken(`a refusal leaves ${left.join(", ")}`);
      return;
    }
    const state = valid.states.indexOf(sha256(fs.readFileSync(output)));
    fs.rmSync(output);
    if (state < 0) throw new Broken("what was restored never was");
    // Where nothing went away, an end that is not the newest must have been refused, or shown by another generation.
    const others = [...changed.keys()].some((key) => !key.includes(generation));
    if (!gone && !others && state < valid.states.length - 1)
      throw new Broken(`state ${state} of ${valid.states.length - 1} is given for the newest`);
  },
};
