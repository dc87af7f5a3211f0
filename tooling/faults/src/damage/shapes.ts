// The sound replicas that are damaged: one and many indexes, generations, snapshots, page sizes, forms of proof.
import { seeded } from "../../../testkit/writers/random.ts";
import { type TempDir, tempDir } from "@litewake-tooling/testkit";
import type { Objects } from "./objects.ts";
import { type HistoryOptions, record } from "./record.ts";
import { type Chapter, ship } from "./ship.ts";
import { type Truth, truthOf } from "./states.ts";
import { headOf } from "./stored-form.ts";

export interface Shape {
  readonly name: string;
  readonly objects: Objects;
  readonly truth: Truth;
  /** What its objects state: nothing, where Litestream wrote them. */
  readonly proofs: "full" | "old" | "none";
}

interface Recipe {
  readonly name: string;
  readonly history: HistoryOptions;
  readonly chapters: readonly Chapter[];
}

const A = "aaaaaaaaaaaaaaaa";
const B = "bbbbbbbbbbbbbbbb";
const one = { generation: A, from: 0, proofs: "full", every: 1 } as const;
const two = { ...one, generation: B };

const RECIPES: readonly Recipe[] = [
  {
    name: "snapshot-alone",
    history: { pageSize: 1024, lives: [2] },
    chapters: [{ ...one, lives: 1, snapshots: [[0, 1]], withoutWal: true }],
  },
  { name: "one-index", history: { pageSize: 512, lives: [5] }, chapters: [{ ...one, lives: 1, snapshots: [[0, 2]] }] },
  {
    name: "many-indexes",
    history: { pageSize: 1024, lives: [3, 1, 4, 2, 3] },
    chapters: [{ ...one, lives: 5, snapshots: [[0, 0]] }],
  },
  {
    name: "many-snapshots",
    history: { pageSize: 4096, lives: [3, 3, 3, 3] },
    chapters: [{ ...one, lives: 4, snapshots: [[0, 1], [1, 0], [2, 2], [3, 3]] }], // prettier-ignore
  },
  {
    name: "two-generations",
    history: { pageSize: 1024, lives: [3, 3, 2, 3, 2] },
    chapters: [
      { ...one, lives: 2, snapshots: [[0, 1]] },
      { ...two, from: 2, lives: 3, snapshots: [[0, 0], [2, 1]] }, // prettier-ignore
    ],
  },
  {
    name: "twin-generations",
    history: { pageSize: 512, lives: [3] },
    chapters: [
      { ...one, lives: 1, snapshots: [[0, 0]] },
      { ...two, lives: 1, snapshots: [[0, 3]], every: 3 },
    ],
  },
  {
    name: "shrinking",
    history: { pageSize: 512, lives: [5, 5, 4], autoVacuum: "full" },
    chapters: [{ ...one, lives: 3, snapshots: [[0, 0], [2, 2]], every: 2 }], // prettier-ignore
  },
  {
    name: "incremental-vacuum",
    history: { pageSize: 2048, lives: [4, 4], autoVacuum: "incremental" },
    chapters: [{ ...one, lives: 2, snapshots: [[0, 3]], form: { blockBytes: 1500 } }],
  },
  {
    name: "spilled",
    history: { pageSize: 512, lives: [3, 3], spills: true },
    chapters: [{ ...one, lives: 2, snapshots: [[0, 0]], form: { blockBytes: 4000, blockChecksums: "right" } }],
  },
  {
    name: "large-pages",
    history: { pageSize: 65_536, lives: [2, 2] },
    chapters: [{ ...one, lives: 2, snapshots: [[0, 0], [1, 1]] }], // prettier-ignore
  },
  {
    name: "pages-of-8k",
    history: { pageSize: 8192, lives: [2, 2, 2] },
    chapters: [{ ...one, lives: 3, snapshots: [[0, 1]], proofs: "old" }],
  },
  {
    name: "litestream-like",
    history: { pageSize: 1024, lives: [3, 3, 3] },
    chapters: [{ ...one, lives: 3, snapshots: [[0, 0], [1, 2]], proofs: "none", cutsAnywhere: true }], // prettier-ignore
  },
  {
    name: "litestream-like-two",
    history: { pageSize: 512, lives: [4, 2, 3] },
    chapters: [
      { ...one, lives: 1, snapshots: [[0, 0]], proofs: "none" },
      { ...two, from: 1, lives: 2, snapshots: [[0, 1], [1, 2]], proofs: "none" }, // prettier-ignore
    ],
  },
];

/** Made anew each time, the same for the same seed but for the salts that SQLite draws. */
export function madeShapes(seed: number): Shape[] {
  return RECIPES.map(({ name, history, chapters }, n) => {
    using folder: TempDir = tempDir("damage-shape");
    const objects = ship(record(folder.path, history, seeded(seed + n)), chapters);
    return shapeOf(name, objects, chapters[0]?.proofs ?? "none");
  });
}

export function shapeOf(name: string, objects: Objects, proofs: Shape["proofs"]): Shape {
  const stated = (key: string): number => statedOffset(objects.get(key)?.bytes ?? new Uint8Array(0));
  return { name, objects, truth: truthOf(objects, stated), proofs };
}

/** Up to where a snapshot says that it reaches; 0 where it says nothing. */
function statedOffset(stored: Uint8Array): number {
  const head = headOf(stored).toString("latin1");
  const json = /LWP1....(\{.*\})/s.exec(head)?.[1];
  const proof = json === undefined ? undefined : (JSON.parse(json) as { position?: { offset?: number } });
  return proof?.position?.offset ?? 0;
}
