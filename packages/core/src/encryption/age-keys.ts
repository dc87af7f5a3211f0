// Keys of age: the file key of each object, wrapped for its recipients and unwrapped by identities. Headers are the library's.
import { AgeDamage, type UnfitKeys } from "../codec/age-error.ts";
import { headerEnd } from "../codec/age-header.ts";
import { LitewakeError } from "../errors.ts";
import { proveIdentity, proveRecipient } from "./age-key-forms.ts";

interface Recipient {
  wrapFileKey(fileKey: Uint8Array): never[];
}

/** What is used of the package `age-encryption`: whoever wants encryption installs it and hands it in. */
export interface AgeLibrary {
  readonly Encrypter: new () => {
    addRecipient(recipient: string | Recipient): void;
    encrypt(file: Uint8Array): Promise<Uint8Array>;
  };
  readonly Decrypter: new () => {
    addIdentity(identity: string): void;
    decryptHeader(header: Uint8Array): Promise<Uint8Array>;
  };
  readonly identityToRecipient: (identity: string) => Promise<string>;
}

/** Keys as text, of the forms that Litestream 0.3.13 knows. Comments and empty lines are for the caller to leave out. */
export interface AgeKeyTexts {
  /** `AGE-SECRET-KEY-1…`: open what was encrypted for their recipients. */
  readonly identities: readonly string[];
  /** `age1…`: what is stored is encrypted for each of them. None: for the identities' own. */
  readonly recipients: readonly string[];
}

/** The key of one object, and the header that keeps it. */
export interface SealedKey {
  readonly header: Uint8Array;
  readonly fileKey: Uint8Array;
}

/** So many objects that this process has stored can be read back without an identity: a put whose answer was lost. */
const REMEMBERED = 256;

export class AgeKeys {
  readonly #library: AgeLibrary;
  readonly #recipients: readonly string[];
  readonly #identities: number;
  readonly #decrypter: InstanceType<AgeLibrary["Decrypter"]>;
  readonly #own = new Map<string, Uint8Array>();

  /** Throws kind `usage`, in one line and without any key, for text that is none. */
  static async load(library: AgeLibrary, { identities, recipients }: AgeKeyTexts): Promise<AgeKeys> {
    for (const identity of identities) proveIdentity(library, identity);
    for (const recipient of recipients) proveRecipient(library, recipient);
    if (identities.length === 0 && recipients.length === 0)
      throw new LitewakeError("usage", "age: there is no key", { next: "give identities or recipients" });
    const own = recipients.length > 0 ? recipients : await Promise.all(identities.map(library.identityToRecipient));
    return new AgeKeys(library, identities, own);
  }

  private constructor(library: AgeLibrary, identities: readonly string[], recipients: readonly string[]) {
    this.#library = library;
    this.#recipients = recipients;
    this.#identities = identities.length;
    this.#decrypter = new library.Decrypter();
    for (const identity of identities) this.#decrypter.addIdentity(identity);
  }

  /** How many recipients each object is encrypted for. */
  get recipients(): number {
    return this.#recipients.length;
  }

  /** Whether there is an identity: what others have stored may be readable. */
  get hasIdentity(): boolean {
    return this.#identities > 0;
  }

  /** Whether the identities open what is encrypted for the recipients. */
  async canReadOwn(): Promise<boolean> {
    if (!this.hasIdentity) return false;
    try {
      await this.#decrypter.decryptHeader((await this.#wrap()).header);
      return true;
    } catch {
      return false;
    }
  }

  /** A new object's key. */
  async seal(): Promise<SealedKey> {
    const sealed = await this.#wrap();
    this.#own.set(nameOf(sealed.header), sealed.fileKey);
    const [oldest] = this.#own.keys();
    if (this.#own.size > REMEMBERED && oldest !== undefined) this.#own.delete(oldest);
    return sealed;
  }

  /** The file key in a header, or why none of the keys here gives it. Throws `AgeDamage` for what is no header. */
  async open(header: Uint8Array): Promise<Uint8Array | UnfitKeys> {
    const own = this.#own.get(nameOf(header));
    if (own !== undefined) return own;
    if (!this.hasIdentity) return "no-identity";
    try {
      return await this.#decrypter.decryptHeader(header);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("no identity matched")) return "no-match";
      throw new AgeDamage("its header was changed");
    }
  }

  async #wrap(): Promise<SealedKey> {
    const encrypter = new this.#library.Encrypter();
    for (const recipient of this.#recipients) encrypter.addRecipient(recipient);
    // The library shows a file's key to each recipient that wraps it, and to nobody else.
    let fileKey: Uint8Array | undefined;
    encrypter.addRecipient({
      wrapFileKey: (key) => {
        fileKey = Uint8Array.from(key);
        return [];
      },
    });
    const file = await encrypter.encrypt(new Uint8Array(0));
    const end = headerEnd(file);
    if (fileKey === undefined || end === undefined) throw new Error("age-encryption made no header");
    return { header: Uint8Array.from(file.subarray(0, end)), fileKey };
  }
}

/** Its MAC, the last line, tells a header from all others. */
function nameOf(header: Uint8Array): string {
  return Buffer.from(header.buffer, header.byteOffset, header.byteLength).toString("latin1", header.byteLength - 44);
}
