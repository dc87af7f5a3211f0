// The program that the tests give to `-exec`: it commits rows, says so, and ends in the way it is told to.
// usage: child-program.ts DATABASE ROWS exit:CODE | wait:CODE | kill
import { DatabaseSync } from "node:sqlite";

const [file = "", rows = "", end = ""] = process.argv.slice(2);
const [how, code] = end.split(":");
const db = new DatabaseSync(file);
db.exec("pragma busy_timeout = 5000");
const insert = db.prepare("insert into notes(text) values (?)");
const commit = (from: string) => {
  for (let i = 0; i < Number(rows); i++) insert.run(`${from} ${i}`);
};

commit("at the start");
if (how === "exit") process.exit(Number(code));
if (how === "kill") process.kill(process.pid, "SIGKILL");
// As an application does that ends what it has begun: its last commits come after the signal.
process.once("SIGTERM", () => {
  commit("after the signal");
  process.exit(Number(code));
});
process.stdout.write("child: waiting\n");
setInterval(() => {}, 1000);
