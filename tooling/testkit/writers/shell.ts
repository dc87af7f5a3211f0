// The ledger written by the sqlite3 shell (its path in LITEWAKE_SQLITE_SHELL): this process feeds it statements and reads
// its answers. The shell is the process that holds the database.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type LedgerConnection, runLedger } from "./ledger-loop.ts";

const END = "--end-of-answer--";

async function open(database: string): Promise<LedgerConnection> {
  const shell = process.env["LITEWAKE_SQLITE_SHELL"] ?? "sqlite3";
  // Standard error goes the same way as standard output, so that an error lies between its statement and the end mark.
  const child = spawn("sh", ["-c", 'exec "$0" -batch -list "$1" 2>&1', shell, database], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (sql: string): Promise<string[]> => {
    child.stdin.write(`${sql};\n.print ${END}\n`);
    const lines: string[] = [];
    for (;;) {
      const { value, done } = await answers.next();
      if (done === true) throw new Error(`the shell ended: ${lines.join(" ")}`);
      if (value === END) break;
      lines.push(String(value));
    }
    const error = lines.find((line) => /error/i.test(line));
    if (error !== undefined) throw new Error(error.replace(/ near line \d+/, "").replace(/^.*?error: /i, ""));
    return lines;
  };
  return {
    exec: async (sql) => void (await ask(sql)),
    last: async (sql) => {
      const [line] = await ask(sql);
      const [seq, hash] = line?.split("|") ?? [];
      return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash };
    },
    append: async (seq, prev, payload, hash) => {
      const hex = Buffer.from(payload).toString("hex");
      await ask(`insert into ledger values(${seq}, '${prev}', x'${hex}', '${hash}')`);
    },
    close: async () => {
      const ended = once(child, "exit");
      child.stdin.end(".quit\n");
      await ended;
    },
  };
}

await runLedger(open, process.argv.slice(2));
