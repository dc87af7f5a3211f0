// Errors of sockets, names and certificates, as Node makes them and as vendors wrap them.
import net from "node:net";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { networkCode, networkError, plainCause } from "../../src/backend/network.ts";

const coded = (code: string, extra: object = {}): Error =>
  Object.assign(new Error("vendor's words"), { code, ...extra });

describe("an error of the network", () => {
  it.each([
    ["ECONNRESET", "Unavailable", true],
    ["ENOTFOUND", "Unavailable", true],
    ["ETIMEDOUT", "Unavailable", true],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "InvalidConfig", false],
    ["CERT_HAS_EXPIRED", "InvalidConfig", false],
    ["EPROTO", "InvalidConfig", false],
  ])("%s is %s, and a retry can help: %s", (symbol, code, retryable) => {
    const error = networkError(coded(symbol), "host:1", "put", "a/b");
    expect(error).toMatchObject({ code, retryable, operation: "put", key: "a/b" });
    expect(error?.message).toMatch(new RegExp(`^put a/b: host:1: .*\\(${symbol}\\)$`));
  });

  it("is found under causes, and among the failures of several addresses", () => {
    expect(networkCode(new Error("fetch failed", { cause: coded("ECONNREFUSED") }))).toBe("ECONNREFUSED");
    expect(networkCode(new AggregateError([new Error("x"), coded("EHOSTUNREACH")]))).toBe("EHOSTUNREACH");
    const circle: Error & { cause?: unknown } = new Error("a circle");
    circle.cause = circle;
    expect(networkCode(circle)).toBeUndefined();
  });

  it("of a port where nobody listens is the system's own", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as net.AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const error = await new Promise((resolve) => net.connect(port, "127.0.0.1").on("error", resolve));
    expect(networkError(error, "here", "get")).toMatchObject({
      code: "Unavailable",
      message: expect.stringContaining("connection was refused"),
    });
  });

  it("is none where it is the store's answer", () => {
    expect(networkError(coded("NoSuchKey"), "host", "get")).toBeUndefined();
    expect(networkError(coded("toString"), "host", "get")).toBeUndefined();
    expect(networkError("a text", "host", "get")).toBeUndefined();
  });
});

it("a cause keeps what was said and nothing that hangs on it", () => {
  const vendor = coded("ECONNRESET", { request: { headers: { authorization: "hush" } } });
  const plain = plainCause(vendor);
  expect(plain).toMatchObject({ message: "vendor's words", code: "ECONNRESET" });
  expect(inspect(plain, { depth: 12, showHidden: true })).not.toContain("hush");
  expect(plainCause("a text").message).toBe("a text");
});
