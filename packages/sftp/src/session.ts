// One SSH connection, shared by all calls: made at the first call, made again after a drop, kept alive, ended by close.
import net from "node:net";
import { abortable, ReplicaError, type Share, SharedConnections } from "@litewake/core/backend";
import ssh2, { type Attributes, type ConnectConfig, type FileEntryWithStats, type SFTPWrapper, type Stats } from "ssh2";
import { sftpError } from "./errors.ts";
import { HostKey } from "./host-key.ts";
import type { SftpOptions } from "./options.ts";

const CONNECT_MS = 15_000;
/** A server that is silent for three of these is gone. */
const KEEPALIVE_MS = 7000;
const KEEPALIVES = 3;

type Callback<T> = (error: Error | null | undefined, value: T) => void;

const sessions = new SharedConnections<Session>();

/** Connects at the first call. Replicas of one login share one session: each is a process of the server. */
export function sessionOf(options: SftpOptions): Share<Session> {
  const { root: _root, ...telling } = options;
  return sessions.take(telling, () => new Session(options));
}

export class Session {
  readonly where: string;
  readonly #options: SftpOptions;
  #client: ssh2.Client | undefined;
  #channel: Promise<Channel> | undefined;
  #closed = false;

  constructor(options: SftpOptions) {
    this.#options = options;
    this.where = `${options.user}@${options.host}:${options.port}`;
  }

  /** The channel; connects if need be. An abort leaves the connection to the other calls. */
  async channel(signal?: AbortSignal): Promise<Channel> {
    if (this.#closed)
      throw new ReplicaError({
        code: "Unavailable",
        retryable: false,
        operation: "open",
        reason: "the client is closed",
      });
    this.#channel ??= this.#connect();
    return abortable(this.#channel, signal, "open");
  }

  close(): void {
    this.#closed = true;
    this.#client?.end();
    this.#client?.destroy();
    this.#client = undefined;
    this.#channel = undefined;
  }

  async #connect(): Promise<Channel> {
    const client = new ssh2.Client();
    this.#client = client;
    const hostKey = new HostKey(this.#options);
    let channel: Channel | undefined;
    const forget = (): void => {
      channel?.gone();
      if (this.#client === client) {
        this.#client = undefined;
        this.#channel = undefined;
      }
    };
    try {
      const sock = await dial(this.#options);
      return await new Promise<Channel>((resolve, reject) => {
        // Also after the connection stands: a drop is told to the calls that are under way by their own callbacks.
        client.on("error", (error) => {
          forget();
          reject(error);
        });
        client.on("close", () => {
          forget();
          reject(new Error("the connection ended"));
        });
        client.on("ready", () => {
          client.sftp((error, sftp) => {
            if (error !== undefined) return reject(error);
            sftp.on("close", forget);
            channel = new Channel(sftp);
            resolve(channel);
          });
        });
        client.connect(this.#configuration(sock, hostKey));
      });
    } catch (error) {
      forget();
      client.destroy();
      if (hostKey.refusal === undefined) throw error;
      throw new ReplicaError({ code: "Denied", operation: "open", reason: `${this.where}: ${hostKey.refusal}` });
    }
  }

  #configuration(sock: net.Socket, hostKey: HostKey): ConnectConfig {
    const { user, password, privateKey, agent } = this.#options;
    const algorithms = hostKey.algorithms;
    return {
      sock,
      username: user,
      readyTimeout: CONNECT_MS,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES,
      hostVerifier: (key: Buffer) => hostKey.accept(key),
      ...(algorithms === undefined
        ? {}
        : { algorithms: { serverHostKey: algorithms as ssh2.ServerHostKeyAlgorithm[] } }),
      ...(password === undefined ? {} : { password }),
      ...(privateKey === undefined ? {} : { privateKey: privateKey.text }),
      ...(privateKey?.passphrase === undefined ? {} : { passphrase: privateKey.passphrase }),
      ...(agent === undefined ? {} : { agent }),
    };
  }

  /** A failure of a call as the replica's error. */
  error(error: unknown, operation: ReplicaError["operation"], key?: string): ReplicaError {
    return sftpError(error, { operation, key, where: this.where });
  }
}

/** ssh2 would wait 40 ms for each small answer (Nagle's algorithm) on a socket of its own. */
function dial({ host, port }: SftpOptions): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, noDelay: true });
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error("connecting timed out"), { code: "ETIMEDOUT" })),
      CONNECT_MS,
    );
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

/** An open SFTP channel: its requests as promises. What the server does not offer fails with OP_UNSUPPORTED. */
export class Channel {
  readonly #sftp: SFTPWrapper;
  readonly #waiting = new Set<(error: Error) => void>();
  #isGone = false;

  constructor(sftp: SFTPWrapper) {
    this.#sftp = sftp;
  }

  /** Fails what is under way and what is yet asked for: ssh2 leaves a request to a closed channel without an answer. */
  gone(): void {
    this.#isGone = true;
    for (const reject of this.#waiting) reject(cut());
    this.#waiting.clear();
  }

  #call<T>(start: (done: Callback<T>) => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) return reject(cut());
      this.#waiting.add(reject);
      const settled = (error: Error | null | undefined, value: T): void => {
        this.#waiting.delete(reject);
        if (error === undefined || error === null) resolve(value);
        else reject(error);
      };
      try {
        start(settled);
      } catch (error) {
        // ssh2 throws at once where the server does not list an extension.
        settled(
          Object.assign(new Error("the server does not offer it", { cause: error }), { code: 8 }),
          undefined as T,
        );
      }
    });
  }

  open(file: string, flags: "r" | "wx"): Promise<Buffer> {
    return this.#call((done) => this.#sftp.open(file, flags, flags === "wx" ? { mode: 0o600 } : {}, done));
  }

  closeHandle(handle: Buffer): Promise<void> {
    return this.#call((done) => this.#sftp.close(handle, done));
  }

  fstat(handle: Buffer): Promise<Stats> {
    return this.#call((done) => this.#sftp.fstat(handle, done));
  }

  stat(file: string): Promise<Stats> {
    return this.#call((done) => this.#sftp.stat(file, done));
  }

  /** Bytes read; 0 at the end. */
  read(handle: Buffer, into: Buffer, position: number): Promise<number> {
    return this.#call((done) =>
      this.#sftp.read(handle, into, 0, into.byteLength, position, (error, bytes) => {
        if (error !== undefined && error !== null && (error as { code?: unknown }).code === 1) done(undefined, 0);
        else done(error, bytes);
      }),
    );
  }

  /** The bytes are copied before this returns. */
  write(handle: Buffer, bytes: Buffer, position: number): Promise<void> {
    return this.#call((done) => this.#sftp.write(handle, bytes, 0, bytes.byteLength, position, done));
  }

  fsync(handle: Buffer): Promise<void> {
    return this.#call((done) => this.#sftp.ext_openssh_fsync(handle, done));
  }

  /** Fails if the target is there. */
  rename(from: string, to: string): Promise<void> {
    return this.#call((done) => this.#sftp.rename(from, to, done));
  }

  /** Takes the target's place. */
  posixRename(from: string, to: string): Promise<void> {
    return this.#call((done) => this.#sftp.ext_openssh_rename(from, to, done));
  }

  unlink(file: string): Promise<void> {
    return this.#call((done) => this.#sftp.unlink(file, done));
  }

  mkdir(folder: string): Promise<void> {
    return this.#call((done) => this.#sftp.mkdir(folder, { mode: 0o700 } satisfies Partial<Attributes>, done));
  }

  rmdir(folder: string): Promise<void> {
    return this.#call((done) => this.#sftp.rmdir(folder, done));
  }

  readdir(folder: string): Promise<readonly FileEntryWithStats[]> {
    return this.#call((done) => this.#sftp.readdir(folder, done));
  }

  /** Blocks that this user may still fill on the folder's file system; undefined where the server does not say. */
  async freeBlocks(folder: string): Promise<number | undefined> {
    try {
      const info = await this.#call<{ f_bavail: number | bigint }>((done) =>
        this.#sftp.ext_openssh_statvfs(folder, done),
      );
      return Number(info.f_bavail);
    } catch {
      return undefined;
    }
  }
}

function cut(): Error {
  return Object.assign(new Error("the connection was cut"), { code: "ECONNRESET" });
}
