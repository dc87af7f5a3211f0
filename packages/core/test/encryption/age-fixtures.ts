// Keys for the tests, objects under them, and a client's bytes at once.
import { MemoryClient } from "@litewake/conformance";
import * as age from "age-encryption";
import type { ByteStream } from "../../src/backend.ts";
import { AgeKeys } from "../../src/encryption.ts";

export interface KeyPair {
  readonly identity: string;
  readonly recipient: string;
}

export async function keyPair(): Promise<KeyPair> {
  const identity = await age.generateX25519Identity();
  return { identity, recipient: await age.identityToRecipient(identity) };
}

export function loadKeys(identities: readonly string[], recipients: readonly string[]): Promise<AgeKeys> {
  return AgeKeys.load(age, { identities, recipients });
}

export async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A store that holds one object of these bytes, given out in pieces of an awkward size. */
export async function storeOf(key: string, bytes: Uint8Array, chunkBytes: number = 7_001): Promise<MemoryClient> {
  const store = new MemoryClient({ chunkBytes });
  await store.put(key, bytes);
  return store;
}

/** Whole, by the library alone. */
export async function encryptedByLibrary(bytes: Uint8Array, recipients: readonly string[]): Promise<Uint8Array> {
  const encrypter = new age.Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter.encrypt(bytes);
}

/** Whole, by the library alone. */
export async function decryptedByLibrary(bytes: Uint8Array, identity: string): Promise<Uint8Array> {
  const decrypter = new age.Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decrypt(bytes);
}
