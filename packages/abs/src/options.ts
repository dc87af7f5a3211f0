// Where a replica on Azure Blob Storage lies and how to reach it, and what of that makes no sense.
import {
  endpointUrl,
  filled,
  invalidConfig,
  isLoopback,
  keepSecret,
  keepSecretsOf,
  keyPrefix,
  readCaFile,
  readUrl,
  type ReplicaLocation,
  Settings,
  shownUrl,
} from "@litewake/core/backend";

/** How requests are signed. */
export type AbsCredential =
  | { readonly kind: "key"; readonly account: string; readonly key: string }
  /** A shared access signature, without its question mark. */
  | { readonly kind: "sas"; readonly token: string }
  /** `DefaultAzureCredential` of @azure/identity: environment, workload identity, managed identity, Azure CLI, … */
  | { readonly kind: "identity" };

export interface AbsOptions {
  readonly container: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
  /** The account's address: `https://account.blob.core.windows.net`, or an emulator's with the account as its path. */
  readonly endpoint: string;
  readonly credential: AbsCredential;
  readonly accessTier: "Hot" | "Cool" | "Cold" | undefined;
  /** Certificates to trust, PEM. */
  readonly ca: string | undefined;
}

const SECRETS = ["account-key", "connection-string", "sas-token"];
const VARIABLES = [
  "AZURE_STORAGE_CONNECTION_STRING",
  "LITESTREAM_AZURE_ACCOUNT_KEY",
  "AZURE_STORAGE_KEY",
  "AZURE_STORAGE_SAS_TOKEN",
  "AZURE_CLIENT_SECRET",
];
const PLACES = ["bucket", "path"];
const HOW = ["account-name", "endpoint", "access-tier", "ca-file"];
const RULES = { schemes: ["abs"], places: PLACES, options: HOW, secrets: SECRETS };

/** Every key of a replica entry that this backend reads. */
export const absSettings: readonly string[] = [...PLACES, ...HOW, ...SECRETS];

/** Reads a location. Reads the CA file if one is named; touches nothing else. */
export function absOptions(location: ReplicaLocation): AbsOptions {
  keepSecretsOf(location, SECRETS, VARIABLES);
  const { container, prefix, account, settings } = placeOf(location);
  const { env } = location;
  const parts = connectionStringOf(settings, env);
  const name =
    account ?? settings.text("account-name") ?? parts?.["AccountName"] ?? filled(env["AZURE_STORAGE_ACCOUNT"]);
  const ca = settings.text("ca-file");
  return {
    container: provenContainer(container),
    prefix,
    endpoint: endpointOf(settings.text("endpoint") ?? parts?.["BlobEndpoint"], name, parts),
    credential: credentialOf(settings, env, name, parts),
    accessTier: tierOf(settings.text("access-tier")),
    ca: ca === undefined ? undefined : readCaFile(ca),
  };
}

type Env = ReplicaLocation["env"];
type ConnectionString = Readonly<Record<string, string>>;

interface Place {
  readonly container: string;
  readonly prefix: string;
  readonly account: string | undefined;
  readonly settings: Settings;
}

function placeOf({ url, settings: given }: ReplicaLocation): Place {
  if (url === undefined) {
    const settings = new Settings(given);
    const container = settings.text("bucket");
    if (container === undefined)
      throw invalidConfig("an abs replica needs a bucket: (its container) or a url: abs://container/path");
    return { container, prefix: keyPrefix(settings.text("path") ?? ""), account: undefined, settings };
  }
  const { user, host, path, settings } = readUrl(url, given, RULES);
  if (user?.includes(":") === true) {
    throw invalidConfig(
      "an abs:// URL takes an account before @, but no key; the key belongs in the environment or the settings",
    );
  }
  if (host === "") throw invalidConfig(`${shownUrl(url)} names no container: abs://container/path`);
  return { container: host, prefix: keyPrefix(path), account: filled(user), settings };
}

function connectionStringOf(settings: Settings, env: Env): ConnectionString | undefined {
  const given = settings.text("connection-string");
  // The variable gives way to what the settings say.
  const hasOwn = ["account-name", "account-key", "sas-token"].some((key) => settings.text(key) !== undefined);
  const text = given ?? (hasOwn ? undefined : filled(env["AZURE_STORAGE_CONNECTION_STRING"]));
  if (text === undefined) return undefined;
  const pairs = text.split(";").filter((pair) => pair.trim() !== "");
  const parts = Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf("=")).trim(), pair.slice(pair.indexOf("=") + 1).trim()]),
  );
  if (parts["UseDevelopmentStorage"] === "true") {
    throw invalidConfig(
      "the connection string: UseDevelopmentStorage is not known here; give the emulator's BlobEndpoint, AccountName and AccountKey",
    );
  }
  keepSecret(parts["AccountKey"]);
  keepSignature(parts["SharedAccessSignature"]);
  const signed = parts["AccountKey"] !== undefined || parts["SharedAccessSignature"] !== undefined;
  if (!signed || (parts["AccountName"] === undefined && parts["BlobEndpoint"] === undefined)) {
    throw invalidConfig(
      "the connection string must hold AccountName or BlobEndpoint, and AccountKey or SharedAccessSignature",
    );
  }
  return parts;
}

function credentialOf(
  settings: Settings,
  env: Env,
  account: string | undefined,
  parts: ConnectionString | undefined,
): AbsCredential {
  const key =
    settings.text("account-key") ??
    parts?.["AccountKey"] ??
    filled(env["LITESTREAM_AZURE_ACCOUNT_KEY"]) ??
    filled(env["AZURE_STORAGE_KEY"]);
  const token =
    settings.text("sas-token") ?? parts?.["SharedAccessSignature"] ?? filled(env["AZURE_STORAGE_SAS_TOKEN"]);
  keepSignature(token);
  // A signature that was given on purpose goes before a key that happens to be in the environment.
  if (settings.text("account-key") === undefined && token !== undefined)
    return { kind: "sas", token: token.replace(/^\?/, "") };
  if (key === undefined) return { kind: "identity" };
  if (account === undefined)
    throw invalidConfig(
      "an account's key needs its name: account-name:, abs://account@container/path, or AZURE_STORAGE_ACCOUNT",
    );
  if (!/^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(key)) {
    throw invalidConfig("the account's key is not base64; copy it as the portal shows it");
  }
  return { kind: "key", account, key };
}

/** Of a shared access signature the rest says only what it allows. */
function keepSignature(token: string | undefined): void {
  keepSecret(token);
  keepSecret(new URLSearchParams(token).get("sig") ?? undefined);
}

function endpointOf(
  given: string | undefined,
  account: string | undefined,
  parts: ConnectionString | undefined,
): string {
  if (given === undefined) {
    if (account === undefined)
      throw invalidConfig(
        "abs:// needs the account's name: account-name:, abs://account@container/path, or AZURE_STORAGE_ACCOUNT",
      );
    if (!/^[a-z0-9-]{3,63}$/.test(account))
      throw invalidConfig(`${JSON.stringify(account)} cannot be an account's name`);
    return `https://${account}.blob.${parts?.["EndpointSuffix"] ?? "core.windows.net"}`;
  }
  const url = endpointUrl(given, "endpoint");
  const path = url.pathname.replace(/\/+$/, "");
  // Emulators have the account in the path, Azure has it in the host.
  const isEmulator = isLoopback(url.hostname) || /^[\d.]+$|^\[/.test(url.hostname);
  return `${url.origin}${path === "" && isEmulator && account !== undefined ? `/${account}` : path}`;
}

function tierOf(given: string | undefined): AbsOptions["accessTier"] {
  if (given === undefined) return undefined;
  const tier = (["Hot", "Cool", "Cold"] as const).find((known) => known.toLowerCase() === given.toLowerCase());
  if (tier !== undefined) return tier;
  if (given.toLowerCase() === "archive") {
    throw invalidConfig(
      "access-tier: archived blobs cannot be read at once, so no restore would work; take Cool or Cold",
    );
  }
  throw invalidConfig(`access-tier: ${given} is not known; it is Hot, Cool or Cold`);
}

function provenContainer(container: string): string {
  if (/^(?:\$root|[a-z0-9](?:-?[a-z0-9]){2,62})$/.test(container)) return container;
  throw invalidConfig(
    `${JSON.stringify(container)} cannot be a container's name: 3 to 63 lower-case letters, digits and single dashes`,
  );
}
