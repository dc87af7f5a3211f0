// The servers of the tests in one command: `node tooling/emulators/src/main.ts start|stop|status|fetch NAME`.
import { azuriteScript, gcsBinary, minioBinary, openSsh, toxiproxyBinary } from "./binaries.ts";
import { startAll, status, stopAll } from "./running.ts";

const fetchers: Readonly<Record<string, () => Promise<unknown>>> = {
  minio: minioBinary,
  gcs: gcsBinary,
  azurite: azuriteScript,
  sftp: openSsh,
  toxiproxy: toxiproxyBinary,
};

const commands: Readonly<Record<string, () => Promise<void>>> = {
  start: () => startAll((name, how, ms) => console.log(`${name}: ${how}, answers after ${Math.round(ms)} ms`)),
  stop: stopAll,
  status: async () => {
    const all = await status();
    for (const { name, healthy, pid } of all)
      console.log(`${name}: ${healthy ? "answers" : "silent"}${pid === undefined ? "" : `, process ${pid}`}`);
    if (all.some(({ healthy }) => !healthy)) process.exitCode = 1;
  },
  /** Gets a server's program without starting it, so that this can go on beside other work. */
  fetch: async () => {
    const fetcher = fetchers[process.argv[3] ?? ""];
    if (fetcher === undefined) throw new Error(`fetch what? ${Object.keys(fetchers).join("|")}`);
    await fetcher();
  },
};

const command = commands[process.argv[2] ?? ""];
if (command === undefined) {
  console.error(`usage: main.ts ${Object.keys(commands).join("|")}`);
  process.exitCode = 2;
} else {
  try {
    await command();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
