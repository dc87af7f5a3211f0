// A service that keeps notes in SQLite through better-sqlite3 and loses none when its container's disk is gone.
import http from "node:http";
import { mkdirSync } from "node:fs";
import Database from "better-sqlite3";
import { replicate } from "litewake";

// First: brings back what is missing, and follows from now on.
const replication = await replicate("notes.yaml");
replication.on("error", (error) => console.error(`replication: ${error.message}`));

mkdirSync("data", { recursive: true });
const database = new Database("data/notes.db");
database.exec("pragma journal_mode=wal; create table if not exists note (id integer primary key, text text not null)");
const insert = database.prepare("insert into note(text) values (?)");
const all = database.prepare("select id, text from note order by id");

const server = http.createServer(async (request, response) => {
  const answer = (code, value) =>
    response.writeHead(code, { "content-type": "application/json" }).end(`${JSON.stringify(value)}\n`);
  try {
    if (request.method === "GET") return answer(200, all.all());
    if (request.method !== "POST") return answer(405, { error: "GET or POST" });
    request.setEncoding("utf8");
    let text = "";
    for await (const chunk of request) text += chunk;
    insert.run(text);
    // Only what must survive everything waits: it answers once the replica has it.
    if (request.url === "/?durable") await replication.sync({ timeoutMs: 10_000 });
    return answer(201, { stored: text });
  } catch (error) {
    return answer(500, { error: error.message });
  }
});
server.listen(process.env.PORT ?? 8080, () => console.log(`listening on ${server.address().port}`));

process.once("SIGTERM", async () => {
  server.close();
  server.closeAllConnections();
  database.close();
  await replication.stop();
  console.log("stopped; everything is in the replica");
});
