// What is no key that can be used here, and what it is instead. Never shows the text: it may be a secret in the wrong place.
import { LitewakeError } from "../errors.ts";
import type { AgeLibrary } from "./age-keys.ts";

type Form = readonly [pattern: RegExp, what: string, next: string];

const ONLY = "Litestream 0.3.13, which must be able to restore it, knows X25519 keys only";

const IDENTITIES: readonly Form[] = [
  [/^$/, "is empty", "a variable in it may not be set"],
  [/^AGE-PLUGIN-/i, "is of a plugin, and plugins cannot be run here", `age-keygen makes a key; ${ONLY}`],
  [/^AGE-SECRET-KEY-PQ-/i, "is a post-quantum key", `age-keygen makes a key that can be used; ${ONLY}`],
  [/^age-secret-key-1/, "is in lower case", "write it as age-keygen does: AGE-SECRET-KEY-1…"],
  [
    /^age1/,
    "is a recipient, a public key",
    "it belongs under recipients; the identity is the AGE-SECRET-KEY-1… beside it",
  ],
  [/^-----BEGIN AGE ENCRYPTED FILE|^age-encryption\.org/, "is itself encrypted", "decrypt it first: age -d"],
  [/^-----BEGIN|^ssh-/, "is an SSH key", `age-keygen makes a key; ${ONLY}`],
  [
    /[/\\]|^[~.]|\.(?:txt|key|age)$/,
    "is a file's name",
    "give a file by identity-file, -age-identity or LITEWAKE_AGE_IDENTITY_FILE",
  ],
];

const RECIPIENTS: readonly Form[] = [
  [/^$/, "is empty", "a variable in it may not be set"],
  [/^AGE-SECRET-KEY-/i, "is an identity, a secret key", "it belongs under identities; a recipient begins with age1"],
  [/^AGE-PLUGIN-/i, "is of a plugin, and plugins cannot be run here", `a recipient begins with age1; ${ONLY}`],
  [/^age1(?:pq|tag|tagpq)1/, "is a post-quantum or hardware key", ONLY],
  [/^age1[a-z0-9-]+1.{20}/, "is of a plugin, and plugins cannot be run here", ONLY],
  [/^ssh-|^github:/, "is an SSH key", `age-keygen makes a key; ${ONLY}`],
];

/** Throws kind `usage` for what is no `AGE-SECRET-KEY-1…`. */
export function proveIdentity(library: AgeLibrary, text: string): void {
  prove(text, "identity", IDENTITIES, "is no AGE-SECRET-KEY-1… key", () => {
    new library.Decrypter().addIdentity(text);
  });
}

/** Throws kind `usage` for what is no `age1…`. */
export function proveRecipient(library: AgeLibrary, text: string): void {
  const instead = "is no age1… recipient; passphrases are not taken";
  prove(text, "recipient", RECIPIENTS, instead, () => new library.Encrypter().addRecipient(text));
}

function prove(text: string, which: string, forms: readonly Form[], instead: string, use: () => void): void {
  // First: the library takes some that no Litestream could read.
  const form = forms.find(([pattern]) => pattern.test(text));
  if (form !== undefined) throw new LitewakeError("usage", `an age ${which} ${form[1]}`, { next: form[2] });
  try {
    use();
  } catch {
    // The library's own words may hold the key.
    throw new LitewakeError("usage", `an age ${which} ${instead}`, { next: "copy it whole, as age-keygen prints it" });
  }
}
