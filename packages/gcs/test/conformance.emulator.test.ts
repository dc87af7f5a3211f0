// The kit over the Google Cloud Storage backend, against fake-gcs-server.
import { randomUUID } from "node:crypto";
import { describeConformance } from "@litewake/conformance/vitest";
import { gcs } from "@litewake/gcs";
import { gcs as emulator } from "@litewake-tooling/emulators";

const run = randomUUID().slice(0, 8);
let roots = 0;

describeConformance({
  name: "@litewake/gcs on fake-gcs-server",
  open: () => {
    roots += 1;
    const url = `gcs://${emulator.bucket}/kit-${run}/${roots}`;
    return gcs.open({ url, settings: {}, env: { STORAGE_EMULATOR_HOST: emulator.endpoint } });
  },
});
