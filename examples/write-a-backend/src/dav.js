// HTTP requests to a WebDAV server (RFC 4918), and what their failures mean.
import http from "node:http";
import https from "node:https";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { networkError, plainCause, ReplicaError } from "@litewake/core/backend";
import { XMLParser } from "fast-xml-parser";

/** So often what is locked is tried again: servers lock for the length of a request what it changes. */
const LOCKED_TRIES = 50;
const LOCKED_WAIT_MS = 20;
/** A body is sent when the server says that it will take it, or after this. */
const CONTINUE_MS = 1000;

/** A connection may be silent so long; without a limit a lost packet would hang a call for ever. */
const SILENCE_MS = 20_000;

const PROPERTIES = `<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>`;
const parser = new XMLParser({
  removeNSPrefix: true,
  ignoreAttributes: true,
  parseTagValue: false,
  isArray: (name) => name === "response" || name === "propstat",
});

/** An answer that is no success. */
export class DavFailure extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`the server answered ${status} ${http.STATUS_CODES[status] ?? ""}`.trim());
    this.status = status;
  }
}

/**
 * @typedef {object} Resource
 * @property {string} path Decoded, without a slash at its end.
 * @property {boolean} isFolder
 * @property {number} size
 * @property {Date} modifiedAt
 */

export class Dav {
  /** @type {string} */ #origin;
  // In a private field, so that nobody who prints a client prints it.
  /** @type {string | undefined} */ #authorization;
  #agent;

  /** @param {import("./options.js").WebdavOptions} options */
  constructor({ origin, user, password }) {
    this.#origin = origin;
    this.#authorization =
      user === undefined ? undefined : `Basic ${Buffer.from(`${user}:${password ?? ""}`).toString("base64")}`;
    const secure = origin.startsWith("https:");
    this.#agent = new (secure ? https : http).Agent({ keepAlive: true, maxSockets: 64 });
  }

  /** Resolves with a 2xx answer, whose body the caller reads; throws a `DavFailure` for any other. */
  async request(method, path, { headers = {}, body, signal } = {}) {
    const answer = await new Promise((resolve, reject) => {
      const request = (this.#origin.startsWith("https:") ? https : http).request(this.address(path), {
        method,
        agent: this.#agent,
        signal,
        timeout: SILENCE_MS,
        headers: {
          ...headers,
          ...(isStream(body) ? { expect: "100-continue" } : {}),
          ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
        },
      });
      request.on("response", resolve).on("error", reject);
      request.on("timeout", () =>
        request.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })),
      );
      if (isStream(body)) sendWhenWanted(body, request);
      else request.end(body);
    });
    if (answer.statusCode >= 200 && answer.statusCode < 300) return answer;
    answer.resume();
    throw new DavFailure(answer.statusCode);
  }

  /** As `request`, for answers whose body does not matter. Waits for what is locked. */
  async done(method, path, options = {}) {
    for (let tries = 1; ; tries += 1) {
      try {
        return void (await text(await this.request(method, path, options)));
      } catch (error) {
        // A body that is a stream was not begun: the server refused before it asked for it.
        if (!(error instanceof DavFailure) || error.status !== 423 || tries === LOCKED_TRIES) throw error;
      }
      await wait(LOCKED_WAIT_MS * Math.random() * 2, undefined, { signal: options.signal });
    }
  }

  /**
   * The resource itself (depth 0), or it and what lies in it (depth 1).
   * @returns {Promise<Resource[]>}
   */
  async properties(path, depth, signal) {
    const headers = { depth: String(depth), "content-type": "application/xml" };
    const answer = await this.request("PROPFIND", path, { headers, body: PROPERTIES, signal });
    const { multistatus } = parser.parse(await text(answer));
    return (multistatus?.response ?? []).map(resourceOf);
  }

  /** Each part of the path encoded, since `#` and `?` mean something to a URL. */
  address(path) {
    return `${this.#origin}/${path.split("/").map(encodeURIComponent).join("/")}`;
  }

  close() {
    this.#agent.destroy();
  }
}

function isStream(body) {
  return body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array);
}

/** So a server that refuses does so before the first byte, and the body can be sent again. */
function sendWhenWanted(body, request) {
  let begun = false;
  const begin = () => {
    clearTimeout(timer);
    if (begun || request.destroyed) return;
    begun = true;
    send(body, request).catch((error) => request.destroy(error));
  };
  const timer = setTimeout(begin, CONTINUE_MS);
  request.on("continue", begin);
  request.on("response", () => clearTimeout(timer));
  request.on("close", () => clearTimeout(timer));
  request.flushHeaders();
}

/** Writes no faster than the server reads: a big object must not be held in memory. */
async function send(chunks, request) {
  for await (const chunk of chunks) {
    // A copy: the chunk is the caller's again when the next one is asked for, and Node may still hold it then.
    if (!request.write(Buffer.from(chunk)))
      await new Promise((resolve) => request.once("drain", resolve).once("close", resolve));
    if (request.destroyed) return;
  }
  request.end();
}

/** @returns {Resource} */
function resourceOf({ href, propstat = [] }) {
  const path = decodeURIComponent(new URL(href, "http://any").pathname).replace(/^\/+|\/+$/g, "");
  const found = Object.assign({}, ...propstat.map(({ prop }) => prop));
  return {
    path,
    isFolder: typeof found.resourcetype === "object" && "collection" in found.resourcetype,
    size: Number(found.getcontentlength ?? 0),
    modifiedAt: new Date(found.getlastmodified ?? 0),
  };
}

const meanings = {
  401: ["Denied", "the server does not accept these credentials"],
  403: ["Denied", "these credentials do not allow it"],
  404: ["NotFound", "no such object"],
  413: ["Unsupported", "the object is larger than the server allows"],
  423: ["Unavailable", "the resource is locked"],
  429: ["Throttled", "the server asks to be called less often"],
  507: ["NoSpace", "the server has no room"],
};

/** A failure as the replica's error: its code says whether Litewake tries again. */
export function davError(error, operation, key, where) {
  if (ReplicaError.is(error)) return error;
  const network = networkError(error, where, operation, key);
  if (network !== undefined) return network;
  const status = error instanceof DavFailure ? error.status : undefined;
  const [code, reason] = meanings[status] ?? [status >= 500 ? "Unavailable" : "Unknown", error.message];
  return new ReplicaError({ code, operation, key, reason: `${where}: ${reason}`, cause: plainCause(error) });
}
