// What is known of stores that speak S3's protocol, by their hosts: where they differ from Amazon's.

export interface Profile {
  readonly name: string;
  readonly region: string | undefined;
  /**
   * `always`: CRC32 of each put in its header. `required`: only where the operation cannot be without, for stores that do not
   * know the newer checksum headers. Never a trailing checksum: every body is bytes in memory.
   */
  readonly checksums: "always" | "required";
  /** Whether `If-None-Match: *` on a put is honoured. False where the store is known to refuse or to ignore it. */
  readonly conditionalPut: boolean;
  /** Whether all parts of a multipart upload but the last must have one size. */
  readonly equalParts: boolean;
  /** Whether a bulk delete needs the Content-MD5 header in place of a checksum header. */
  readonly deleteNeedsMd5: boolean;
}

const compatible: Profile = {
  name: "S3-compatible",
  region: "us-east-1",
  checksums: "required",
  conditionalPut: true,
  equalParts: false,
  deleteNeedsMd5: true,
};

const amazon: Profile = {
  name: "Amazon S3",
  region: undefined,
  checksums: "always",
  conditionalPut: true,
  equalParts: false,
  deleteNeedsMd5: false,
};

interface Known {
  /** Matches the endpoint's host; its first group is the region. */
  readonly host: RegExp;
  readonly profile: Partial<Profile> & { readonly name: string };
}

// Vendors' own documentation of their S3 interfaces; conditional puts are false where they say nothing of them.
const known: readonly Known[] = [
  {
    host: /^[^.]+(?:\.(?:eu|us|fedramp))?\.r2\.cloudflarestorage\.com$/,
    profile: { name: "Cloudflare R2", region: "auto", equalParts: true },
  },
  { host: /(?:^|\.)s3\.([a-z0-9-]+)\.backblazeb2\.com$/, profile: { name: "Backblaze B2", conditionalPut: false } },
  {
    host: /(?:^|\.)([a-z0-9]+)\.digitaloceanspaces\.com$/,
    profile: { name: "DigitalOcean Spaces", conditionalPut: false },
  },
  { host: /(?:^|\.)s3\.(?:([a-z0-9-]+)\.)?wasabisys\.com$/, profile: { name: "Wasabi", conditionalPut: false } },
  { host: /(?:^|\.)s3\.([a-z0-9-]+)\.scw\.cloud$/, profile: { name: "Scaleway", conditionalPut: false } },
  { host: /(?:^|\.)([a-z0-9-]+)\.linodeobjects\.com$/, profile: { name: "Linode", conditionalPut: false } },
  { host: /(?:^|\.)s3\.filebase\.com$/, profile: { name: "Filebase", conditionalPut: false } },
  {
    host: /^storage\.googleapis\.com$/,
    profile: { name: "Google Cloud Storage over S3", region: "auto", conditionalPut: false },
  },
  { host: /(?:^|\.)fly\.storage\.tigris\.dev$|^t3\.storage\.dev$/, profile: { name: "Tigris", region: "auto" } },
];

/** The profile of an endpoint's host; no endpoint, or one of Amazon's own, is Amazon. */
export function profileOf(host: string | undefined): Profile {
  if (host === undefined) return amazon;
  const amazonRegion =
    /(?:^|\.)s3[.-](?:dualstack\.|accelerate\.)?(?:([a-z]{2}(?:-[a-z]+)+-\d)\.)?amazonaws\.com(?:\.cn)?$/.exec(host);
  if (amazonRegion !== null) return { ...amazon, region: amazonRegion[1] };
  for (const { host: pattern, profile } of known) {
    const match = pattern.exec(host);
    if (match !== null) return { ...compatible, region: match[1] ?? compatible.region, ...profile };
  }
  return compatible;
}

/** A bucket and an endpoint that a URL's host means by itself, as Litestream reads it (formats.md A2). */
export function splitHost(host: string): { readonly bucket: string; readonly endpoint?: string } {
  const local = /^(.+)\.(localhost(?::\d+)?)$/.exec(host);
  if (local?.[1] !== undefined) return { bucket: local[1], endpoint: `http://${local[2]}` };
  const vendor =
    /^(.+?)\.(s3\.[a-z0-9-]+\.backblazeb2\.com|s3\.filebase\.com|[a-z0-9]+\.digitaloceanspaces\.com|s3\.[a-z0-9-]+\.scw\.cloud|[a-z0-9-]+\.linodeobjects\.com)$/.exec(
      host,
    );
  if (vendor?.[1] !== undefined) return { bucket: vendor[1], endpoint: `https://${vendor[2]}` };
  return { bucket: host };
}
