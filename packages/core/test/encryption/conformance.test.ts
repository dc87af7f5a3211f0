// A client whose objects are encrypted keeps every promise of a client: the kit over it, for one recipient and for several.
import { memoryClient } from "@litewake/conformance";
import { describeConformance } from "@litewake/conformance/vitest";
import { prefixed, retrying } from "../../src/backend.ts";
import { encrypted } from "../../src/encryption.ts";
import { unencrypted } from "../../src/index.ts";
import { keyPair, loadKeys } from "./age-fixtures.ts";

const options = { bigBytes: 9_000_001 };
const mine = await keyPair();
const other = await keyPair();
const secrets = [mine.identity, other.identity];

describeConformance(
  {
    name: "encrypted over memory",
    open: async () => encrypted(memoryClient(), await loadKeys([mine.identity], [])),
    secrets,
  },
  options,
);

describeConformance(
  {
    name: "encrypted for two recipients, below a fleet's folder, with retries",
    open: async () => {
      const keys = await loadKeys([other.identity], [mine.recipient, other.recipient]);
      return retrying(prefixed(encrypted(memoryClient({ putIfAbsent: false }), keys), "shard_1", { ownsClient: true }));
    },
    secrets,
  },
  options,
);

describeConformance({ name: "unencrypted over memory", open: async () => unencrypted(memoryClient()) }, options);
