// The kit over the file backend, with hard links and on a file system that has none.
import { describeConformance } from "@litewake/conformance/vitest";
import { Roots } from "./roots.ts";

const roots = new Roots();

describeConformance({
  name: "@litewake/file",
  open: async () => (await roots.client()).client,
  cleanup: () => roots.remove(),
});

const noLinks = new Roots();

describeConformance(
  {
    name: "@litewake/file without hard links",
    open: async () => (await noLinks.client({ link: withoutLinks })).client,
    cleanup: () => noLinks.remove(),
  },
  { bigBytes: 1 << 20 },
);

async function withoutLinks(): Promise<void> {
  throw Object.assign(new Error("operation not permitted, link"), { code: "EPERM" });
}
