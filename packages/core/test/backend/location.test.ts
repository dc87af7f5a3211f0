// URLs and settings as every backend reads them: what they mean, and one line for what makes no sense.
import { describe, expect, it } from "vitest";
import { isLoopback, keyPrefix, readUrl, Settings, shownUrl } from "../../src/backend/location.ts";

const rules = {
  schemes: ["box", "bx"],
  places: ["bucket"],
  options: ["region", "deep-mode"],
  secrets: ["key"],
  aliases: { deepMode: "deep-mode" },
};

describe("a URL", () => {
  it("is taken apart, its path decoded, its options laid over the settings", () => {
    const { user, host, path, settings } = readUrl(
      "BX://ada@host:1/a%20b/c?region=x&deepMode=true",
      { region: "old", key: "k" },
      rules,
    );
    expect({ user, host, path }).toEqual({ user: "ada", host: "host:1", path: "/a b/c" });
    expect([settings.text("region"), settings.text("key"), settings.flag("deep-mode"), settings.text("none")]).toEqual([
      "x",
      "k",
      true,
      undefined,
    ]);
  });

  it.each([
    ["http://host/x", {}, "http://host/x is no box:// URL"],
    ["box:/host", {}, "box:/host is no box:// URL"],
    [
      "box://u:hush@host/x",
      { bucket: "b" },
      "box://host/x and bucket: both say where the replica lies; give one of them",
    ],
    [
      "box://host/x?key=hush",
      {},
      "key does not belong in a URL, which is shown in logs; put it in the settings or the environment",
    ],
    ["box://host/x?regoin=1", {}, 'box:// URLs take no option "regoin"; there are region, deep-mode'],
    ["box://host/x?__proto__=1", {}, 'box:// URLs take no option "__proto__"; there are region, deep-mode'],
    [
      "box://host/%zz",
      {},
      "box://host/%zz: a % in the path is not followed by two hexadecimal digits; write it as %25",
    ],
  ])("%s with %j is refused in one line, without secrets", (url, settings, line) => {
    const refuse = () => readUrl(url, settings, rules);
    expect(refuse).toThrow(expect.objectContaining({ code: "InvalidConfig", message: `open: ${line}` }));
    expect(line).not.toContain("hush");
  });

  it("is shown without user, password and options", () => {
    expect(shownUrl("s3://id:secret@bucket/a?key=hush")).toBe("s3://bucket/a");
  });
});

describe("settings", () => {
  it("that are empty are none, and numbers are texts", () => {
    const settings = new Settings({ a: "", b: 7, c: "yes" });
    expect([settings.text("a"), settings.text("b"), settings.text("toString")]).toEqual([undefined, "7", undefined]);
    expect(() => settings.flag("c")).toThrow("c: yes is neither true nor false");
  });
});

it.each([
  ["/a//b/", "a/b"],
  ["./a/./b", "a/b"],
  ["", ""],
  ["/", ""],
])("the path %j is the prefix %j of keys", (path, prefix) => {
  expect(keyPrefix(path)).toBe(prefix);
});

it("a path that leads out is refused", () => {
  expect(() => keyPrefix("a/../b")).toThrow('the path "a/../b" holds a part ..');
});

it.each([
  ["localhost", true],
  ["app.localhost", true],
  ["127.3.2.1", true],
  ["::1", true],
  ["[::1]", true],
  ["localhost.example.com", false],
  ["128.0.0.1", false],
  ["minio", false],
])("%s is this machine: %s", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
