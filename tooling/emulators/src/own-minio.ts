// A MinIO of a test's own, on a free port and in a folder of its own, that may be killed and started again.
import net, { type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ManagedProcess } from "@litewake-tooling/testkit";
import { minioBinary } from "./binaries.ts";
import { minio } from "./endpoints.ts";
import { minioClient } from "./set-up.ts";

const READY_WITHIN_MS = 60_000;

export class OwnMinio implements AsyncDisposable {
  readonly endpoint: string;
  readonly #folder: string;
  #process: ManagedProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.endpoint = `http://127.0.0.1:${port}`;
  }

  /** Starts it, with the bucket and the credentials of the shared one. */
  static async start(folder: string): Promise<OwnMinio> {
    const own = new OwnMinio(folder, await freePort());
    await own.start();
    await minioClient(own.endpoint).makeBucket(minio.bucket, minio.region);
    return own;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const args = ["server", "--quiet", "--address", new URL(this.endpoint).host, this.#folder];
    const env = {
      MINIO_ROOT_USER: minio.accessKeyId,
      MINIO_ROOT_PASSWORD: minio.secretAccessKey,
      MINIO_BROWSER: "off",
    };
    this.#process = new ManagedProcess(await minioBinary(), args, { env });
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!(await this.#answers())) {
      if (performance.now() > deadline || !this.#process.running)
        throw new Error(`MinIO did not start; it said: ${this.#process.output()}`);
      await sleep(50);
    }
  }

  async kill(): Promise<void> {
    await this.#process?.kill9();
  }

  async #answers(): Promise<boolean> {
    const answer = await fetch(`${this.endpoint}/minio/health/ready`).catch(() => undefined);
    return answer?.ok === true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
