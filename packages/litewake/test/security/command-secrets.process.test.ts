// Every command with secrets in its configuration, its URL and its environment, against stores that do not answer: neither
// what it prints nor what it serves nor the command lines of its children say them.
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { runLitewake, runToEnd, repositoryRoot, spawnLitewake, tempDir, type TempDir } from "@litewake-tooling/testkit";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { canary, leaksIn } from "./canaries.ts";

const access = canary("access");
const secret = canary("secret");
const password = canary("password");
const heartbeat = canary("heartbeat");
const token = canary("token");
const all = [access, secret, password, heartbeat, token];

let folder: TempDir;
let server: http.Server;
let endpoint = "";

beforeEach(async () => {
  folder = tempDir("canaries");
  const db = new DatabaseSync(folder.join("a.db"));
  db.exec("pragma journal_mode=wal; create table t(a); insert into t values (1)");
  db.close();
  // Refuses, and says all that it was asked.
  server = http.createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(403).end(`${request.url} ${JSON.stringify(request.headers)}`));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  fs.writeFileSync(folder.join("litewake.yml"), configuration());
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  folder.remove();
});

const env = { AWS_SESSION_TOKEN: token.value, LITEWAKE_SFTP_PASSWORD: password.value };

function configuration(): string {
  return `
addr: "127.0.0.1:0"
heartbeat-url: "${endpoint}/${encodeURIComponent(heartbeat.value)}"
heartbeat-interval: 1s
stale-after: 100ms
logging: {level: debug, type: text}
dbs:
  - path: ${folder.join("a.db")}
    replicas:
      - type: s3
        bucket: b
        endpoint: ${endpoint}
        access-key-id: "${access.value}"
        secret-access-key: "${secret.value}"
        session-token: "${token.value}"
      - url: sftp://u@127.0.0.1:1/p
        password: "${password.value}"
      - url: file://${folder.join("replica")}
`;
}

/** The processes that a process started. */
function childrenOf(pid: number): number[] {
  return fs.readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    const file = `/proc/${pid}/task/${task}/children`;
    return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim().split(" ").filter(Boolean).map(Number) : [];
  });
}

/** Command lines of a process and of all that it started. */
function commandLines(pid: number): string {
  return [fs.readFileSync(`/proc/${pid}/cmdline`, "utf8"), ...childrenOf(pid).map(commandLines)].join("\n");
}

const COMMANDS: readonly (readonly string[])[] = [
  ["databases"],
  ["generations", "-patience", "0", "DB"],
  ["restore", "-patience", "0", "-o", "out.db", "DB"],
  ["verify", "-patience", "0", "DB"],
  ["retention"],
  ["doctor", "-json"],
  ["points"],
  ["replicate", "-once"],
];

describe("no secret is said by", () => {
  it.each(COMMANDS.map((words) => ({ name: words.join(" "), words })))(
    "litewake $name",
    { timeout: 120_000 },
    async ({ words }) => {
      const args = words.map((word) => (word === "DB" ? folder.join("a.db") : word));
      const options = {
        cwd: folder.path,
        env: { ...env, LITEWAKE_TRACE: "1", LITEWAKE_CONFIG: folder.join("litewake.yml") },
      };
      // A replica that does not answer is tried again for as long as replicate runs.
      const timeoutMs = words[0] === "replicate" ? 6000 : 100_000;
      const { stdout, stderr } = await runLitewake(args, { ...options, timeoutMs }).catch((error: unknown) => ({
        stdout: "",
        stderr: String(error),
      }));
      expect(stdout + stderr).not.toBe("");
      expect(leaksIn(stdout + stderr, all)).toEqual([]);
    },
  );

  it.each([
    `s3://${access.value}:${secret.value}@b/p`,
    `s3://b/p?secret-access-key=${encodeURIComponent(secret.value)}`,
    `sftp://u:${secret.value}@127.0.0.1:1/p`,
    `sftp://u:${encodeURIComponent(secret.value)}@127.0.0.1:1/p?host-key-check=off`,
    `nats://u:${secret.value}@h/p`,
    `s3:${access.value}:${secret.value}@b`,
  ])("a URL with a secret in it: %s", { timeout: 60_000 }, async (url) => {
    for (const args of [
      ["restore", "-patience", "0", "-o", "out.db", url],
      ["generations", "-patience", "0", url],
    ]) {
      const { stdout, stderr } = await runLitewake(args, { cwd: folder.path, env, timeoutMs: 6000 }).catch(
        (error: unknown) => ({
          stdout: "",
          stderr: String(error),
        }),
      );
      // What the test's own runner says of the command line is not the program's.
      const said = (stdout + stderr).replaceAll(url, "");
      expect({ args: args[0], leaks: leaksIn(said, all) }).toEqual({ args: args[0], leaks: [] });
    }
  });

  it(
    "a running replicate: its log, metrics, status, probe, and the command lines of its children",
    { timeout: 90_000 },
    async () => {
      const args = ["replicate", "-config", folder.join("litewake.yml"), "-exec", "sleep 600"];
      await using running = spawnLitewake(args, { cwd: folder.path, env });
      const port = /port=(\d+)/.exec(await running.waitFor(/metrics are served/))?.[1];
      await running.waitFor(/replica does not take what is shipped|replica=s3/);
      await running.waitFor(/the heartbeat is not heard|does not answer|not take/);
      const pages = await vi.waitFor(async () => {
        const texts = await Promise.all(
          ["metrics", "status", "healthz", "//", "/../%00"].map(async (page) =>
            (await fetch(`http://127.0.0.1:${port}/${page}`)).text(),
          ),
        );
        expect(texts[1]).toContain("these credentials do not allow it");
        return texts.join("\n");
      }, 20_000);
      const status = await runLitewake(["status", "-json", "-config", folder.join("litewake.yml")], {
        cwd: folder.path,
        env,
      });
      const lines = commandLines(running.pid);
      expect(lines).toContain("sleep");
      // They hold its output open.
      for (const pid of childrenOf(running.pid)) process.kill(pid, "SIGKILL");
      await running.kill9();
      for (const said of [running.output(), pages, status.stdout + status.stderr, lines]) {
        expect(said).not.toBe("");
        expect(leaksIn(said, all)).toEqual([]);
      }
    },
  );

  it(
    "the engine of embedded mode: neither its command line nor its environment has the application's settings",
    { timeout: 60_000 },
    async () => {
      const program = `
      import fs from "node:fs";
      const { replicate } = await import(process.argv[1]);
      const settings = { "access-key-id": process.argv[2], "secret-access-key": process.argv[3], endpoint: process.argv[4] };
      const starting = replicate({ replica_url: "s3://b/p", data_dir: ".", databases: "a.db", lease: "0s", restore_on_boot: false, settings });
      starting.catch(() => {});
      for (let tries = 0; tries < 100; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        const children = fs.readFileSync("/proc/self/task/" + process.pid + "/children", "utf8").trim().split(" ").filter(Boolean);
        if (children.length === 0) continue;
        for (const pid of children) console.log(fs.readFileSync("/proc/" + pid + "/cmdline", "utf8"), fs.readFileSync("/proc/" + pid + "/environ", "utf8"));
        if (tries < 10) continue;
        for (const pid of children) process.kill(Number(pid), "SIGKILL");
        process.exit(0);
      }
      process.exit(1);
    `;
      const entry = `${repositoryRoot}/packages/litewake/dist/index.js`;
      const args = ["--input-type=module", "-e", program, entry, access.value, secret.value, endpoint];
      const { code, stdout, stderr } = await runToEnd(process.execPath, args, { cwd: folder.path, timeoutMs: 50_000 });
      expect(code).toBe(0);
      expect(stdout).toContain("engine");
      expect(leaksIn(stdout + stderr, all)).toEqual([]);
    },
  );
});
