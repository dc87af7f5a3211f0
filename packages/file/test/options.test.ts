// Where a location leads, and what is said of one that makes no sense.
import { describe, expect, it } from "vitest";
import { ReplicaError } from "@litewake/core/backend";
import { file, fileOptions } from "@litewake/file";

const env = { HOME: "/home/me" };
const root = (url: string | undefined, settings: Record<string, string | number> = {}): string =>
  fileOptions({ url, settings, env }, "/srv").root;

describe("a file:// URL", () => {
  it.each([
    ["file:///var/backup", "/var/backup"],
    ["file:///var/backup/", "/var/backup"],
    ["file:///var//a/./b/../c", "/var/a/c"],
    ["FILE:///var", "/var"],
    // Litestream neither decodes nor leaves what a URL may not hold: both of these are the folder sp%20ace.
    ["file:///sp%20ace", "/sp%20ace"],
    ["file:///sp ace", "/sp%20ace"],
    ["file:///b\u00e4r", "/b%C3%A4r"],
    ["file:///c#/x", "/c#/x"],
  ])("%s is the folder %s", (url, folder) => {
    expect(root(url)).toBe(folder);
  });

  it.each([
    ["file://var/backup", "file:///var/backup"],
    ["file://localhost/var/backup", "file:///var/backup"],
    ["file:/var/backup", "file:///var/backup"],
    ["file:backup", "file:///backup"],
    ["file:///var?x=1", "path:"],
    ["s3://bucket", "file://"],
  ])("%s is refused, naming %s", (url, said) => {
    expect(() => root(url)).toThrow(
      expect.objectContaining({ code: "InvalidConfig", message: expect.stringContaining(said) }),
    );
  });
});

describe("a path setting", () => {
  it.each([
    ["/var/backup", "/var/backup"],
    ["backup/db", "/srv/backup/db"],
    ["./backup/../b", "/srv/b"],
    ["~", "/home/me"],
    ["~/b", "/home/me/b"],
    ["~you/b", "/srv/~you/b"],
    ["/sp ace/b\u00e4r/%20", "/sp ace/b\u00e4r/%20"],
  ])("%s is the folder %s", (path, folder) => {
    expect(root(undefined, { path })).toBe(folder);
  });

  it.each([[{}], [{ path: "" }], [{ path: 5 }], [{ path: "a\0b" }]])("%j is refused", (settings) => {
    expect(() => root(undefined, settings as Record<string, string>)).toThrow(
      expect.objectContaining({ code: "InvalidConfig" }),
    );
  });

  it("beside a URL is refused", () => {
    expect(() => root("file:///a", { path: "/b" })).toThrow("both");
  });
});

it("the backend opens a client that says where it points, without touching the disk", async () => {
  const client = await file.open({ url: "file:///no/such/folder", settings: {}, env });
  expect(client).toMatchObject({ type: "file", url: "file:///no/such/folder", capabilities: { putIfAbsent: true } });
  await client.close();
});

it("the backend rejects, and does not throw, for a location that makes no sense", async () => {
  await expect(file.open({ settings: {}, env })).rejects.toSatisfy((error) => ReplicaError.is(error, "InvalidConfig"));
});
