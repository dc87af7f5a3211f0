// An application that embeds replication. Its one argument is JSON: the settings, and what it does after the start.
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { replicate, type ReplicationSettings } from "../../src/index.ts";

interface Task {
  readonly settings: ReplicationSettings;
  readonly rows: number;
  /** How it ends: by itself without a word, after `stop`, or never; or it blocks its event loop for so many milliseconds first. */
  readonly end: "return" | "stop" | "stay" | "block";
}

const task: Task = JSON.parse(process.argv[2] ?? "{}");
const say = (event: string, fields: object = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

const replication = await replicate(task.settings);
for (const name of ["error", "generation", "state", "lag", "log"] as const) {
  replication.on(name, (value: unknown) => say(name, { value: value instanceof Error ? value.message : value }));
}
say("started", { pid: process.pid, engine: replication.enginePid });
const database = new DatabaseSync(path.join(task.settings.data_dir ?? "data", "app.db"));
database.exec("pragma journal_mode=wal; create table if not exists t (n integer primary key)");
for (let n = 0; n < task.rows; n++) database.exec("insert into t default values");
say("written", { rows: database.prepare("select count(*) n from t").get()?.["n"] });
if (task.end === "block") {
  const until = Date.now() + 3000;
  while (Date.now() < until);
  say("unblocked");
}
if (task.end === "stop") {
  await replication.stop();
  say("stopped");
} else if (task.end !== "return") {
  process.on("message", () => {});
  process.stdin.on("data", async (line: Buffer) => {
    const [command, argument] = line.toString().trim().split(" ");
    try {
      const answer =
        command === "sync"
          ? await replication.sync()
          : command === "point"
            ? await replication.point(argument)
            : await replication.stop();
      say("answer", { answer });
    } catch (error) {
      say("refused", { message: String(error) });
    }
  });
}
