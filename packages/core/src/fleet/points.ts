// Restore points: named instants over all databases of a fleet, each an object that names a place in every replica.
import type { CallOptions, ReplicaClient } from "../backend/client.ts";
import { LitewakeError } from "../errors.ts";
import { OWN_PREFIX } from "../replica/layout.ts";
import { createOwn, NewerForm, type OwnObject, readOwn } from "../replica/own-object.ts";
import { isGeneration } from "../replica/position.ts";
import type { ExactPlace } from "../restore/target.ts";

export interface RestorePoint {
  /** `null`: taken on the interval. */
  readonly name: string | null;
  /** When the databases stood still, on the clock of the host that took it. */
  readonly takenAt: Date;
  /** The manifest's epoch; 0 for a fleet without shards. */
  readonly epoch: number;
  /** By folder in the replica; a database that was not there yet is not among them. */
  readonly places: ReadonlyMap<string, ExactPlace>;
}

/** A point as the listing shows it. */
export interface ListedPoint {
  readonly key: string;
  readonly name: string | null;
  /** The store's date: everything in it was durable then. */
  readonly publishedAt: Date;
}

const PINS = `${OWN_PREFIX}pins/`;
const POINTS = `${OWN_PREFIX}points/`;
const NAMED = `${POINTS}named/`;
const TIMED = `${POINTS}at/`;

export function isPointName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name);
}

/** Letters, digits, dots, dashes and underscores, so that the name can be part of a key. Throws kind `usage`. */
export function checkPointName(name: string): void {
  if (isPointName(name)) return;
  throw new LitewakeError("usage", `${JSON.stringify(name)} cannot be a point's name`, {
    next: "up to 100 letters, digits, dots, dashes and underscores, beginning with a letter or digit",
  });
}

/** Publishes a point, of which everything must be durable. Throws kind `refused` if the name is taken. */
export async function publishPoint(
  client: ReplicaClient,
  point: RestorePoint,
  options: CallOptions = {},
): Promise<void> {
  const { name, takenAt } = point;
  const key = name === null ? `${TIMED}${takenAt.toISOString().replaceAll(/[-:.]/g, "")}.json` : `${NAMED}${name}.json`;
  const done = await createOwn(client, key, asObject(point), options);
  if (!done && name !== null) {
    throw new LitewakeError("refused", `there is a point named ${name} already`, { next: "choose another name" });
  }
}

function asObject({ name, takenAt, epoch, places }: RestorePoint): OwnObject {
  const databases = Object.fromEntries(
    [...places].map(([folder, { generation, index, offset, snapshot }]) => [
      folder,
      [generation, index, offset, snapshot],
    ]),
  );
  return { version: 1, name, takenAt, epoch, databases };
}

/** All points, oldest first. One listing. */
export async function listPoints(client: ReplicaClient, options: CallOptions = {}): Promise<ListedPoint[]> {
  const found: ListedPoint[] = [];
  for await (const { key, modifiedAt } of client.list(POINTS, options)) {
    if (!key.endsWith(".json")) continue;
    const name = key.startsWith(NAMED) ? key.slice(NAMED.length, -".json".length) : null;
    // What could not have been published is no point.
    if (name === null ? !key.startsWith(TIMED) : !isPointName(name)) continue;
    found.push({ key, name, publishedAt: modifiedAt });
  }
  return found.sort((a, b) => a.publishedAt.getTime() - b.publishedAt.getTime() || (a.key < b.key ? -1 : 1));
}

/** Which point a restore wants: one by its name, or the newest at or before a time. */
export interface PointTarget {
  readonly name?: string | undefined;
  readonly timestamp?: Date | undefined;
}

/** Finds and reads a point. Throws kind `no-backup` where none fits, with what there is. */
export async function findPoint(
  client: ReplicaClient,
  target: PointTarget,
  options: CallOptions = {},
): Promise<RestorePoint> {
  const listed = await listPoints(client, options);
  const { name, timestamp } = target;
  const fitting = listed.filter((point) =>
    name === undefined ? timestamp === undefined || point.publishedAt <= timestamp : point.name === name,
  );
  // From the newest on: one of a newer form is passed over.
  for (const { key } of fitting.toReversed()) {
    try {
      const point = await readPointAt(client, key, options);
      if (point !== undefined) return point;
    } catch (error) {
      if (!(error instanceof NewerForm) || name !== undefined) throw error;
    }
  }
  // A pinned point outlives the window.
  const pinned = name === undefined ? undefined : await readPointAt(client, pinKey(name), options);
  if (pinned !== undefined) return pinned;
  throw noneFits(listed, target, client.url);
}

/** The point under a key that was listed; undefined where it is gone. Throws `NewerForm`, or kind `damaged`. */
export async function readPointAt(
  client: ReplicaClient,
  key: string,
  options: CallOptions = {},
): Promise<RestorePoint | undefined> {
  const value = await readOwn(client, key, options);
  return value === undefined ? undefined : proven(value, `${client.url}/${key}`);
}

export function pinKey(name: string): string {
  return `${PINS}${name}.json`;
}

/** Keeps a point restorable however old it becomes, until `unpin`. Throws kind `no-backup` if there is no such point. */
export async function pinPoint(client: ReplicaClient, name: string, options: CallOptions = {}): Promise<void> {
  checkPointName(name);
  await pinPlaces(client, await findPoint(client, { name }, options), options);
}

/** Pins places that are durable, under the point's name, which must not be `null`. No such point need be published. */
export async function pinPlaces(client: ReplicaClient, point: RestorePoint, options: CallOptions = {}): Promise<void> {
  await createOwn(client, pinKey(point.name ?? ""), asObject(point), options);
}

/** Lets retention have the point again. False: it was not pinned. */
export async function unpinPoint(client: ReplicaClient, name: string, options: CallOptions = {}): Promise<boolean> {
  checkPointName(name);
  const there = (await pinnedNames(client, options)).includes(name);
  if (there) await client.delete([pinKey(name)], options);
  return there;
}

export async function pinnedNames(client: ReplicaClient, options: CallOptions = {}): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of client.list(PINS, options)) {
    const name = key.slice(PINS.length, -".json".length);
    if (key.endsWith(".json") && isPointName(name)) names.push(name);
  }
  return names;
}

/** All pinned points. One listing, and one get for each. */
export async function readPins(client: ReplicaClient, options: CallOptions = {}): Promise<RestorePoint[]> {
  const points: RestorePoint[] = [];
  for (const name of await pinnedNames(client, options)) {
    const point = await readPointAt(client, pinKey(name), options);
    if (point !== undefined) points.push(point);
  }
  return points;
}

function noneFits(listed: readonly ListedPoint[], { name, timestamp }: PointTarget, url: string): LitewakeError {
  const first = listed[0];
  if (first === undefined) {
    return new LitewakeError("no-backup", `${url} holds no restore points`, {
      next: "restore each database to the time by its own URL; they may then be some commits apart",
    });
  }
  if (name !== undefined) {
    const names = listed.flatMap((point) => (point.name === null ? [] : [point.name]));
    return new LitewakeError("no-backup", `${url} holds no point named ${JSON.stringify(name)}`, {
      next:
        names.length === 0 ? "it holds points by time only: use -timestamp" : `it holds ${names.slice(-10).join(", ")}`,
    });
  }
  return new LitewakeError("no-backup", `the first restore point in ${url} is of ${first.publishedAt.toISOString()}`, {
    next: `${timestamp?.toISOString() ?? "the time"} is before it`,
  });
}

function proven(value: Readonly<Record<string, unknown>>, where: string): RestorePoint {
  const { name, takenAt, epoch = 0, databases } = value;
  const places = new Map<string, ExactPlace>();
  const entries = typeof databases === "object" && databases !== null ? Object.entries(databases) : [];
  for (const [folder, given] of entries) {
    const [generation, index, offset, snapshot] = Array.isArray(given) ? (given as unknown[]) : [];
    const numbers = [index, offset, snapshot];
    const isSound =
      typeof generation === "string" &&
      isGeneration(generation) &&
      numbers.every((n) => Number.isSafeInteger(n) && Number(n) >= 0);
    if (!isSound) throw damaged(where);
    places.set(folder, { generation, index: Number(index), offset: Number(offset), snapshot: Number(snapshot) });
  }
  const date = new Date(String(takenAt));
  if (places.size === 0 || Number.isNaN(date.getTime())) throw damaged(where);
  if (!Number.isSafeInteger(epoch) || Number(epoch) < 0) throw damaged(where);
  return { name: typeof name === "string" ? name : null, takenAt: date, epoch: Number(epoch), places };
}

function damaged(where: string): LitewakeError {
  return new LitewakeError("damaged", `${where} is no restore point`, {
    next: "choose another point or an earlier time",
  });
}
