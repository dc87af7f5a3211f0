// The one interface of a storage backend: five verbs over keys. Layout, naming, compression, retries and metrics are
// core's; a backend knows its store and nothing of the protocol.

/** One stored object, as a listing shows it. */
export interface ObjectInfo {
  /** `/`-separated, relative to the replica's root, without a leading slash. `checkKey` says what is allowed in it. */
  readonly key: string;
  /** Bytes as stored. */
  readonly size: number;
  /** The store's own clock, never the host's. */
  readonly modifiedAt: Date;
}

/** The bytes of an object, in order. Leaving the loop early releases the connection behind it. */
export type ByteStream = AsyncIterable<Uint8Array>;

/**
 * What a put accepts: bytes in memory, or a stream whose length is not known beforehand. A stream is read once, so only
 * its owner, who can make it anew, can try such a put again.
 */
export type PutBody = Uint8Array | ByteStream;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface GetOptions extends CallOptions {
  /** First byte wanted, from 0. An offset at or past the end yields no bytes. */
  readonly offset?: number | undefined;
  /** Bytes wanted at the most. */
  readonly length?: number | undefined;
}

export interface PutOptions extends CallOptions {
  /** Fail with `Conflict` when the key exists. Only where `capabilities.putIfAbsent` is true. */
  readonly ifAbsent?: boolean | undefined;
}

export interface PutResult {
  /** Bytes stored. */
  readonly size: number;
  /** The store's own clock. */
  readonly modifiedAt: Date;
}

/** What a store can do beyond the five verbs. Each is tested both ways by the conformance kit. */
export interface Capabilities {
  /** `put(…, { ifAbsent: true })` is atomic against a rival writer. */
  readonly putIfAbsent: boolean;
}

/**
 * A replica's root in an object store. Every call may be made at the same time as any other; every failure is a
 * `ReplicaError`. No secret appears in `url` or in any error. A key that `checkKey` refuses is `InvalidConfig`.
 */
export interface ReplicaClient {
  /** The backend's name in `litestream.yml`: `file`, `s3`, `gcs`, `abs`, `sftp`, or a third party's. */
  readonly type: string;
  /** Where this client points, for people and logs. Holds no secret. */
  readonly url: string;
  readonly capabilities: Capabilities;

  /**
   * Every object whose key starts with `prefix`, in ascending order of the key's UTF-8 bytes, all pages. Shows what was
   * put and hides what was deleted before the call began. A prefix that matches nothing yields nothing.
   */
  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo>;

  /** The object's bytes, or the range asked for. Rejects with `NotFound` before the first byte if the key is absent. */
  get(key: string, options?: GetOptions): Promise<ByteStream>;

  /** Stores an object. The whole object becomes visible, or nothing does; after an abort or an error too. */
  put(key: string, body: PutBody, options?: PutOptions): Promise<PutResult>;

  /** Deletes in any order. An absent key is no error. A failed call may have deleted some of the keys. */
  delete(keys: readonly string[], options?: CallOptions): Promise<void>;

  /** Releases sockets and handles. The client is of no use afterwards. */
  close(): Promise<void>;
}

/** A setting of one replica entry, as the configuration file or the URL's query had it. */
export type SettingValue = string | number | boolean;

/** Where a replica lies and how to reach it, before a backend has looked at it. */
export interface ReplicaLocation {
  /** The replica's URL if one was given; otherwise `settings` says where it lies (`bucket`, `path`, `host`, …). */
  readonly url?: string | undefined;
  /** Keys of the replica's entry in the configuration, under their names there (`access-key-id`, `region`, …). */
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** The process environment, handed in so that tests need not change their own. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a backend package exports: its schemes, the settings it understands, and how to open a replica. */
export interface Backend {
  /** The `type:` in the configuration file. */
  readonly type: string;
  /** URL schemes without `://`. */
  readonly schemes: readonly string[];
  /** Every key of a replica entry that this backend reads; any other is the configuration's error. */
  readonly settings: readonly string[];
  /**
   * Opens a client without touching the network where that can be avoided. A location that makes no sense is a
   * `ReplicaError` with code `InvalidConfig` that names the key or the part of the URL.
   */
  open(location: ReplicaLocation): Promise<ReplicaClient>;
}
