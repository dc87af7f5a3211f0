// A wrong client, which a trial must find out: a put that fails counts as acknowledged.
import { type PutBody, type PutOptions, type PutResult, ReplicaError } from "@litewake/core/backend";
import { RemoteStore } from "./remote-store.ts";

export class TrustingStore extends RemoteStore {
  override async put(key: string, body: PutBody, options: PutOptions = {}): Promise<PutResult> {
    try {
      return await super.put(key, body, options);
    } catch (error) {
      if (ReplicaError.is(error, "Conflict")) throw error;
      return { size: 0, modifiedAt: new Date() };
    }
  }
}
