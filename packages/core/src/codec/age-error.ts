// Why an encrypted object cannot be read: for want of the right keys, or because it is damaged.
import { LitewakeError } from "../errors.ts";

/** Nothing is wrong with the object; somebody must give other keys. */
export type UnfitKeys =
  /** It is encrypted, and there is no identity (secret key). */
  | "no-identity"
  /** It is encrypted, for none of the identities given. */
  | "no-match"
  /** There are keys, and it is not encrypted. */
  | "not-encrypted"
  /** There are no keys, and it is encrypted. */
  | "encrypted";

const GIVE = "give its secret key by age: identities, by -age-identity FILE or in LITEWAKE_AGE_IDENTITY";

const SAID: Readonly<Record<UnfitKeys, readonly [what: string, next: string]>> = {
  "no-identity": ["is encrypted with age, and there is no identity to open it", GIVE],
  "no-match": [
    "is encrypted with age for other keys: none of the identities given opens it",
    "add the identity that was in use when it was stored",
  ],
  "not-encrypted": [
    "is not encrypted, although age keys are given",
    "what was stored before encryption was turned on is restored without age keys",
  ],
  encrypted: ["is encrypted with age, and no age keys are given", GIVE],
};

/** Of kind `usage`. Holds no key and no part of one. */
export class AgeKeyError extends LitewakeError {
  readonly problem: UnfitKeys;

  /** `object`: its URL. */
  constructor(problem: UnfitKeys, object: string) {
    const [what, next] = SAID[problem];
    super("usage", `${object} ${what}`, { next });
    this.name = "AgeKeyError";
    this.problem = problem;
  }
}

/** The bytes are no whole age file, or somebody has changed them. Of kind `damaged`. */
export class AgeDamage extends LitewakeError {
  constructor(what: string) {
    super("damaged", `its age encryption is broken: ${what}`);
    this.name = "AgeDamage";
  }
}
