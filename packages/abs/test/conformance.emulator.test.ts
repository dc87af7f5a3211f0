// The kit over the Azure backend, against Azurite.
import { randomUUID } from "node:crypto";
import { describeConformance } from "@litewake/conformance/vitest";
import { abs } from "@litewake/abs";
import { azurite } from "@litewake-tooling/emulators";

const run = randomUUID().slice(0, 8);
let roots = 0;

function open(key: string) {
  roots += 1;
  const url = `abs://${azurite.accountName}@${azurite.container}/kit-${run}/${roots}?endpoint=${azurite.endpoint}`;
  return abs.open({ url, settings: { "account-key": key }, env: {} });
}

const wrong = Buffer.from("wrong key of the account").toString("base64");

describeConformance({
  name: "@litewake/abs on Azurite",
  open: () => open(azurite.accountKey),
  denied: () => open(wrong),
  secrets: [azurite.accountKey, wrong],
  // A page has 5000 entries; what one page more would show, the test of the pages shows in less time.
  pagesAbove: 1000,
});
