// The kit over the SFTP backend, against OpenSSH.
import { randomUUID } from "node:crypto";
import { describeConformance } from "@litewake/conformance/vitest";
import { sftp } from "@litewake/sftp";
import { sftp as server } from "@litewake-tooling/emulators";

const run = randomUUID().slice(0, 8);
let roots = 0;

function open(keyPath: string) {
  roots += 1;
  const settings = {
    host: `${server.host}:${server.port}`,
    user: server.user,
    path: `${server.root}/kit-${run}/${roots}`,
    "key-path": keyPath,
    "key-passphrase": server.passphrase,
    "known-hosts": server.knownHostsPath,
  };
  return sftp.open({ settings, env: {} });
}

describeConformance({
  name: "@litewake/sftp on OpenSSH",
  open: () => open(server.keyPath),
  denied: () => open(server.strangerKeyPath),
  secrets: [server.passphrase],
});
