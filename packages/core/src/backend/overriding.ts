// A client of which some verbs are done in another way.
import type { ReplicaClient } from "./client.ts";

export type Verbs = Pick<ReplicaClient, "list" | "get" | "put" | "delete" | "close">;

/** Passes every verb on that is not given here. */
export function overriding(client: ReplicaClient, verbs: Partial<Verbs>): ReplicaClient {
  return {
    type: client.type,
    url: client.url,
    capabilities: client.capabilities,
    list: (prefix, options) => client.list(prefix, options),
    get: (key, options) => client.get(key, options),
    put: (key, body, options) => client.put(key, body, options),
    delete: (keys, options) => client.delete(keys, options),
    close: () => client.close(),
    ...verbs,
  };
}
