// A client that lets nothing be written before a condition is proved, however late the store can be reached.
import type { CallOptions, PutBody, PutOptions, ReplicaClient } from "../backend/client.ts";
import { overriding } from "../backend/overriding.ts";

/**
 * Puts and deletes wait for `ready`, which is asked again after a failure. What it throws is thrown by the call: a fault of
 * the network is tried again like any other, a refusal ends the replica.
 */
export function gated(client: ReplicaClient, ready: (options: CallOptions) => Promise<void>): ReplicaClient {
  let opened = false;
  let opening: Promise<void> | undefined;
  const open = async (options: CallOptions): Promise<void> => {
    if (opened) return;
    opening ??= ready(options);
    try {
      await opening;
      opened = true;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
  return overriding(client, {
    put: async (key: string, body: PutBody, options: PutOptions = {}) => {
      await open({ signal: options.signal });
      return client.put(key, body, options);
    },
    delete: async (keys: readonly string[], options: CallOptions = {}) => {
      await open(options);
      return client.delete(keys, options);
    },
  });
}
