// Starts the servers in the background, waits until each answers, and stops them again.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { repositoryRoot } from "@litewake-tooling/testkit/repository";
import { emulatorFolder } from "./endpoints.ts";
import { type Server, servers } from "./servers.ts";
import { setUp } from "./set-up.ts";

const READY_WITHIN_MS = 30_000;
const COMPOSE = ["compose", "-f", "docker-compose.test.yml", "--profile", "servers"];

export type How = "given" | "running" | "docker" | "native";

/** Starts what does not run yet; `tell` hears how each came to run. Throws, naming the server, if one does not answer. */
export async function startAll(tell: (name: string, how: How, ms: number) => void): Promise<void> {
  const began = performance.now();
  const missing: Server[] = [];
  for (const server of servers) {
    const given = server.givenBy !== undefined && process.env[server.givenBy] !== undefined;
    if (await server.healthy()) tell(server.name, given ? "given" : "running", performance.now() - began);
    else if (given)
      throw new Error(`${server.name}: nothing answers at ${server.givenBy}=${process.env[server.givenBy ?? ""]}`);
    else missing.push(server);
  }
  const how = missing.length > 0 && dockerAnswers() ? "docker" : "native";
  if (missing.length > 0 && how === "docker") await startWithDocker(missing);
  await Promise.all(
    missing.map(async (server) => {
      const pid = how === "docker" ? undefined : await startNative(server);
      await untilHealthy(server, pid);
      tell(server.name, how, performance.now() - began);
    }),
  );
  await setUp();
}

/** Stops what `startAll` of this repository started. */
export async function stopAll(): Promise<void> {
  if (fs.existsSync(dockerMark)) {
    spawnSync("docker", [...COMPOSE, "down", "--volumes"], { cwd: repositoryRoot, stdio: "inherit" });
    fs.rmSync(dockerMark);
  }
  await Promise.all(servers.map((server) => stopNative(server.name)));
}

/** Which servers answer now. */
export async function status(): Promise<{ name: string; healthy: boolean; pid: number | undefined }[]> {
  return await Promise.all(
    servers.map(async (server) => ({ name: server.name, healthy: await server.healthy(), pid: pidOf(server.name) })),
  );
}

const runFolder = path.join(emulatorFolder, "run");
const dockerMark = path.join(runFolder, "docker");

function dockerAnswers(): boolean {
  return spawnSync("docker", ["info"], { stdio: "ignore", timeout: 10_000 }).status === 0;
}

async function startWithDocker(missing: readonly Server[]): Promise<void> {
  for (const server of missing) await server.prepare?.();
  fs.mkdirSync(runFolder, { recursive: true });
  fs.writeFileSync(dockerMark, "");
  const names = missing.map(({ name }) => name);
  const { status: code } = spawnSync("docker", [...COMPOSE, "up", "--detach", "--build", ...names], {
    cwd: repositoryRoot,
    stdio: "inherit",
  });
  if (code !== 0) throw new Error(`docker compose could not start ${names.join(", ")}`);
}

async function startNative(server: Server): Promise<number> {
  const { command, args, env, uid, gid } = await server.launch();
  fs.mkdirSync(runFolder, { recursive: true });
  const log = fs.openSync(logFile(server.name), "w");
  const child = spawn(command, [...args], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, ...env },
    cwd: "/",
    ...(uid === undefined ? {} : { uid, gid }),
  });
  fs.closeSync(log);
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  child.unref();
  const { pid = 0 } = child;
  fs.writeFileSync(pidFile(server.name), String(pid));
  return pid;
}

async function untilHealthy(server: Server, pid: number | undefined): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  const said = () => (fs.existsSync(logFile(server.name)) ? fs.readFileSync(logFile(server.name), "utf8").trim() : "");
  while (!(await server.healthy())) {
    if (pid !== undefined && !isAlive(pid)) throw new Error(`${server.name} ended at once; it said: ${said()}`);
    if (Date.now() > deadline) throw new Error(`${server.name} does not answer after 30 s; it said: ${said()}`);
    await sleep(25);
  }
}

async function stopNative(name: string): Promise<void> {
  const pid = pidOf(name);
  if (pid === undefined) return;
  for (let tries = 0; isAlive(pid) && tries < 400; tries += 1) {
    process.kill(pid, tries < 200 ? "SIGTERM" : "SIGKILL");
    await sleep(25);
  }
  fs.rmSync(pidFile(name), { force: true });
}

const pidFile = (name: string) => path.join(runFolder, `${name}.pid`);
const logFile = (name: string) => path.join(runFolder, `${name}.log`);

function pidOf(name: string): number | undefined {
  return fs.existsSync(pidFile(name)) ? Number(fs.readFileSync(pidFile(name), "utf8")) : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
