// The floors hold: every arrow that runs up or sideways is found.
import { expect, test } from "vitest";
import { imports, violation } from "../floors.ts";

test.for([
  ["packages/core/src/wal/frame.ts", "../backend/client.ts"],
  ["packages/core/src/codec/lz4-frame.ts", "../wal/frame.ts"],
  ["packages/core/src/backend/retry.ts", "../replica/layout.ts"],
  ["packages/core/src/replica/catalog.ts", "../shipping/shipper.ts"],
  ["packages/core/src/database/follower.ts", "../replica/layout.ts"],
  ["packages/core/src/shipping/shipper.ts", "../restore/plan.ts"],
  ["packages/core/src/restore/plan.ts", "../shipping/segment.ts"],
  ["packages/core/src/restore/plan.ts", "../database/sqlite.ts"],
  ["packages/core/src/restore/plan.ts", "node:sqlite"],
  ["packages/core/src/shipping/shipper.ts", "node:sqlite"],
  ["packages/core/src/attic/box.ts", "../errors.ts"],
  ["packages/core/src/index.ts", "@litewake/file"],
  ["packages/core/src/wal/frame.ts", "../../test/wal/wal-builder.ts"],
  ["packages/core/src/wal/frame.ts", "./frame.test.ts"],
  ["packages/core/src/wal/frame.ts", "@litewake-tooling/testkit"],
  ["packages/s3/src/client.ts", "@litewake/core"],
  ["packages/file/src/client.ts", "@litewake/conformance"],
  ["packages/file/src/client.ts", "../../core/src/errors.ts"],
  ["packages/litewake/src/main.ts", "@litewake/file"],
  ["packages/s3/src/quick-get.ts", "node:https"],
])("%s may not import %s", ([file = "", specifier = ""]) => {
  expect(violation(file, specifier)).toBeDefined();
});

test.for([
  ["packages/core/src/wal/frame.ts", "./header.ts"],
  ["packages/core/src/backend/retry.ts", "../errors.ts"],
  ["packages/core/src/database/follower.ts", "../replica/position.ts"],
  ["packages/core/src/database/follower.ts", "node:sqlite"],
  ["packages/core/src/restore/check.ts", "node:sqlite"],
  ["packages/core/src/shipping/shipper.ts", "../database/follower.ts"],
  ["packages/core/src/index.ts", "./restore/plan.ts"],
  ["packages/file/src/client.ts", "@litewake/core/backend"],
  ["packages/s3/src/client.ts", "@aws-sdk/client-s3"],
  ["packages/litewake/src/main.ts", "@litewake/core"],
  ["packages/core/test/wal/frame.test.ts", "../../src/shipping/shipper.ts"],
])("%s may import %s", ([file = "", specifier = ""]) => {
  expect(violation(file, specifier)).toBeUndefined();
});

test("node:http may be imported for its types", () => {
  expect(violation("packages/s3/src/quick-get.ts", "node:http", true)).toBeUndefined();
});

test("every form of a static import is seen, with its line", () => {
  const source = `// import "./comment.ts";
import "./effect.ts";
import { a,
  b } from "./several-lines.ts";
import type { T } from './type.ts';
export { c } from "./again.ts";
export const text = 'from "./not-one.ts"';
const lazy = import("./lazy.ts");`;
  expect(imports(source)).toEqual([
    { specifier: "./effect.ts", line: 2, typesOnly: false },
    { specifier: "./several-lines.ts", line: 4, typesOnly: false },
    { specifier: "./type.ts", line: 5, typesOnly: true },
    { specifier: "./again.ts", line: 6, typesOnly: false },
  ]);
});
