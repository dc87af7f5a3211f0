// Each wrapper, over a client that keeps every promise, keeps every promise: the kit over each of them.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { memoryClient } from "@litewake/conformance";
import { describeConformance } from "@litewake/conformance/vitest";
import { FileClient } from "@litewake/file";
import {
  ConcurrencyLimit,
  countInto,
  limited,
  metered,
  newOperationMetrics,
  prefixed,
  type ReplicaClient,
  retrying,
} from "../../src/backend.ts";

const wrappers: Record<string, (client: ReplicaClient) => ReplicaClient> = {
  retrying: (client) => retrying(client),
  metered: (client) => metered(client, countInto(newOperationMetrics())),
  prefixed: (client) => prefixed(client, "shard_1/deep"),
  limited: (client) => limited(client, new ConcurrencyLimit(3)),
};

const options = { bigBytes: 9_000_001 };

for (const [name, wrap] of Object.entries(wrappers)) {
  describeConformance({ name: `${name} over memory`, open: async () => wrap(memoryClient()) }, options);
}

describeConformance(
  {
    name: "retrying over a store without conditional put",
    open: async () => retrying(memoryClient({ putIfAbsent: false })),
  },
  options,
);

const base = mkdtemp(path.join(tmpdir(), "litewake-core-"));
let opened = 0;
const limit = new ConcurrencyLimit(8);

// As an application has them: one on the other, over a real store, with streams of real size.
describeConformance({
  name: "all wrappers over files",
  open: async () => {
    opened += 1;
    const files = new FileClient({ root: path.join(await base, String(opened)) });
    const wrapped = Object.values({ ...wrappers, limited: (client: ReplicaClient) => limited(client, limit) });
    const outermost = wrapped.reduce((client, wrap) => wrap(client), files as ReplicaClient);
    // A sub-root does not close its parent.
    outermost.close = () => files.close();
    return outermost;
  },
  cleanup: async () => rm(await base, { recursive: true, force: true }),
});
