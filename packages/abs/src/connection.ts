// The SDK's container client as this backend needs it: no retries of its own, no hanging, sockets that end with it.
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createRequire } from "node:module";
import type { Duplex } from "node:stream";
import { rootCertificates } from "node:tls";
import {
  AnonymousCredential,
  ContainerClient,
  newPipeline,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { invalidConfig } from "@litewake/core/backend";
import type { AbsOptions } from "./options.ts";

/** A socket may be silent so long while a request is under way; progress of a slow upload counts as sound. */
const SILENCE_MS = 20_000;
const MAX_SOCKETS = 128;

type Credential = NonNullable<Parameters<typeof newPipeline>[0]>;

export interface Connection {
  readonly container: ContainerClient;
  close(): void;
}

/** Loads @azure/identity; another one in tests. */
export type IdentityLoader = () => Promise<{ readonly DefaultAzureCredential: new () => Credential }>;

/** Opens no socket before the first call. Throws one line if @azure/identity is needed and missing. */
export async function connect(options: AbsOptions, loadIdentity: IdentityLoader = importIdentity): Promise<Connection> {
  const credential = await credentialOf(options, loadIdentity);
  const agents = agentsFor(options);
  const pipelineOptions: StoragePipelineOptions = { retryOptions: { maxTries: 1 }, keepAliveOptions: { enable: true } };
  const pipeline = newPipeline(credential, pipelineOptions);
  pipeline.factories.unshift({
    create: (next) => ({
      sendRequest: (request) => {
        request.agent = request.url.startsWith("https:") ? agents.https : agents.http;
        return next.sendRequest(request);
      },
    }),
  });
  const query = options.credential.kind === "sas" ? `?${options.credential.token}` : "";
  const container = new ContainerClient(`${options.endpoint}/${options.container}${query}`, pipeline);
  return {
    container,
    close: () => {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

function agentsFor({ ca }: AbsOptions): { readonly http: HttpAgent; readonly https: HttpsAgent } {
  const common = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: SILENCE_MS };
  const http = new HttpAgent(common);
  const https = new HttpsAgent({ ...common, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) });
  for (const agent of [http, https]) endSilentSockets(agent);
  return { http, https };
}

/** The SDK knows a limit for a whole request only, which a slow upload of a large block would run into. */
function endSilentSockets(agent: HttpAgent | HttpsAgent): void {
  const create = agent.createConnection.bind(agent) as (...args: unknown[]) => Duplex | null | undefined;
  agent.createConnection = (...args: unknown[]): Duplex | null | undefined => {
    const socket = create(...args);
    socket?.on("timeout", () => socket.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })));
    return socket;
  };
}

async function credentialOf({ credential }: AbsOptions, loadIdentity: IdentityLoader): Promise<Credential> {
  if (credential.kind === "key") return new StorageSharedKeyCredential(credential.account, credential.key);
  if (credential.kind === "sas") return new AnonymousCredential();
  const { DefaultAzureCredential } = await loadIdentity().catch((error: unknown) => {
    const missing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    if (!missing) throw error;
    throw invalidConfig(
      "abs:// without a key needs the package @azure/identity: npm install @azure/identity, or give account-key:, sas-token: or connection-string:",
    );
  });
  return new DefaultAzureCredential();
}

/** Found beside this package, or beside the application that installed it. */
async function importIdentity(): Promise<Awaited<ReturnType<IdentityLoader>>> {
  try {
    return await import("@azure/identity");
  } catch (error) {
    try {
      return createRequire(`${process.cwd()}/package.json`)("@azure/identity") as Awaited<ReturnType<IdentityLoader>>;
    } catch {
      throw error;
    }
  }
}
