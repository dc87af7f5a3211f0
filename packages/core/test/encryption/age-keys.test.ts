// What is no key of ours, each in one line that shows nothing of it.
import * as age from "age-encryption";
import { expect, it } from "vitest";
import { LitewakeError } from "../../src/index.ts";
import { keyPair, loadKeys } from "./age-fixtures.ts";

const { identity, recipient } = await keyPair();
const typo = `${identity.slice(0, -1)}${identity.endsWith("Q") ? "P" : "Q"}`;

async function lineOf(identities: readonly string[], recipients: readonly string[]): Promise<string> {
  const error: unknown = await loadKeys(identities, recipients).catch((reason: unknown) => reason);
  if (!(error instanceof LitewakeError)) throw new Error(`accepted: ${JSON.stringify([identities, recipients])}`);
  expect(error.kind).toBe("usage");
  expect(error.cause).toBeUndefined();
  expect(error.message).not.toContain("\n");
  for (const text of [...identities, ...recipients]) if (text !== "") expect(error.message).not.toContain(text);
  expect(`${error.message} ${error.stack ?? ""}`).not.toContain(identity.slice(15, 40));
  return error.message;
}

it.each([
  ["a typing error", typo, /no AGE-SECRET-KEY-1… key: copy it whole/],
  ["half of one", identity.slice(0, 40), /no AGE-SECRET-KEY-1… key/],
  ["nothing", "", /is empty: a variable/],
  ["lower case", identity.toLowerCase(), /lower case/],
  ["a recipient", recipient, /is a recipient, a public key: it belongs under recipients/],
  ["a plugin's", "AGE-PLUGIN-YUBIKEY-1QGWQ5YPQYQSZQGPQYQSZQGP", /of a plugin.*X25519/],
  ["post-quantum", await age.generateHybridIdentity(), /post-quantum/],
  ["an SSH key", "-----BEGIN OPENSSH PRIVATE KEY-----", /SSH key/],
  ["an encrypted file", "-----BEGIN AGE ENCRYPTED FILE-----", /itself encrypted: decrypt it first: age -d/],
  ["a file's name", "/etc/keys/age.txt", /file's name: .*identity-file.*LITEWAKE_AGE_IDENTITY_FILE/],
  ["a file's name in the home folder", "~/key", /file's name/],
  ["a passphrase", "correct horse battery staple", /no AGE-SECRET-KEY-1… key/],
])("an identity that is %s", async (_what, text, line) => {
  expect(await lineOf([text], [recipient])).toMatch(line);
});

it.each([
  ["a typing error", `${recipient.slice(0, -1)}${recipient.endsWith("q") ? "p" : "q"}`, /no age1… recipient/],
  ["nothing", "", /is empty/],
  ["an identity", identity, /is an identity, a secret key: it belongs under identities/],
  ["post-quantum", await age.identityToRecipient(await age.generateHybridIdentity()), /post-quantum.*X25519/],
  ["a plugin's", "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", /of a plugin/],
  ["an SSH key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN", /SSH key/],
  ["a user of GitHub", "github:somebody", /SSH key/],
  ["a passphrase", "correct horse battery staple", /passphrases are not taken/],
])("a recipient that is %s", async (_what, text, line) => {
  expect(await lineOf([identity], [text])).toMatch(line);
});

it("no key at all", async () => {
  expect(await lineOf([], [])).toBe("age: there is no key: give identities or recipients");
});

it("nothing of a key is shown by the object that holds it", async () => {
  const keys = await loadKeys([identity], [recipient]);
  const { inspect } = await import("node:util");
  for (const shown of [inspect(keys, { depth: 9, showHidden: true }), JSON.stringify(keys)])
    expect(shown).not.toContain(identity.slice(15, 40));
});
