// Secrets that this process was given, so that no line says them: a store may answer with what it was asked, a vendor's error
// may quote its request. The last line of defence; the first is that nobody puts them there.

/** Shorter ones are parts of ordinary words. */
const SHORTEST = 6;
const MOST = 10_000;
const SHOWN = "***";

/** As they are, and as they are written in a URL, in a header, in JSON. */
const kept = new Set<string>();

/** Lets no line say this value from now on. */
export function keepSecret(value: string | undefined): void {
  if (value === undefined || value.length < SHORTEST || kept.size > MOST) return;
  const bytes = Buffer.from(value);
  const encoded = encodeURIComponent(bytes.toString());
  const forms = [value, encoded, encoded.replaceAll("%20", "+"), JSON.stringify(value).slice(1, -1)];
  for (const form of [...forms, bytes.toString("base64"), bytes.toString("base64url")]) kept.add(form);
}

export function withoutSecrets(text: string): string {
  let clean = text;
  for (const secret of kept) if (clean.includes(secret)) clean = clean.replaceAll(secret, SHOWN);
  return clean;
}
