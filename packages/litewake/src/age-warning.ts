// What is to be said of keys with which not everything can be done.
import type { AgeKeys } from "@litewake/core/encryption";

/** Undefined: nothing. */
export async function ageWarning(keys: AgeKeys): Promise<string | undefined> {
  if (await keys.canReadOwn()) return undefined;
  return keys.hasIdentity
    ? "age: none of the identities opens what is encrypted for these recipients: without another secret key nothing that is stored now can be restored"
    : "age: there are recipients and no identity: what is stored is restored only with a secret key that is kept elsewhere, and each start begins a new generation";
}
