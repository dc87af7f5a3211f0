// The SDK's container client as this backend needs it: no retries of its own, no hanging, sockets that end with it.
import { createRequire } from "node:module";
import { AnonymousCredential, ContainerClient, newPipeline, StorageSharedKeyCredential } from "@azure/storage-blob";
import { httpAgents, invalidConfig, type Share, SharedConnections } from "@litewake/core/backend";
import type { AbsOptions } from "./options.ts";

type Credential = NonNullable<Parameters<typeof newPipeline>[0]>;

export interface Connection {
  readonly container: ContainerClient;
  close(): void;
}

/** Loads @azure/identity; another one in tests. */
export type IdentityLoader = () => Promise<{ readonly DefaultAzureCredential: new () => Credential }>;

const connections = new SharedConnections<Connection>();

/**
 * Opens no socket before the first call. Replicas beside each other in a container share one connection. Throws one line if
 * @azure/identity is needed and missing.
 */
export async function connect(
  options: AbsOptions,
  loadIdentity: IdentityLoader = importIdentity,
): Promise<Share<Connection>> {
  const { prefix: _prefix, accessTier: _tier, ...telling } = options;
  const credential = await credentialOf(options, loadIdentity);
  return connections.take(telling, () => connectionOf(options, credential));
}

function connectionOf(options: AbsOptions, credential: Credential): Connection {
  const agents = httpAgents(options);
  const pipeline = newPipeline(credential, { retryOptions: { maxTries: 1 } });
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
    close: agents.destroy,
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
