// What a running Litewake tells of itself: the table, the metrics, the probe; and the restore points taken by name.
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import { spawnShardedWriter, judgeShards, type ManagedProcess, runLitewake } from "@litewake-tooling/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Container } from "./fleet/container.ts";

const SHARDS = 2;
let container: Container;
let running: ManagedProcess | undefined;

beforeEach(() => {
  container = new Container();
  fs.mkdirSync(container.data);
});

afterEach(async () => {
  await running?.kill9();
  running = undefined;
  container[Symbol.dispose]();
});

/** Starts replication with metrics at a free port; resolves with that port, once every database is in the replica. */
async function started(lines: readonly string[] = []): Promise<number> {
  container.configure(['addr: "127.0.0.1:0"', "sync_interval: 50ms", ...lines], SHARDS);
  await (await spawnShardedWriter(container.data, SHARDS, 1, 40)).waitFor(/^done$/);
  running = container.start();
  const line = await running.waitFor(/msg="metrics are served" port=/);
  for (const name of ["shard_0", "shard_1", "dlq"])
    await running.waitFor(new RegExp(`msg="snapshot written".*${name}`));
  return Number(/port=(\d+)/.exec(line)?.[1]);
}

async function get(port: number, path: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: answer.status, text: await answer.text() };
}

describe("a running Litewake", () => {
  it("prints its state as a table and as JSON", async () => {
    await started();
    const { code, stdout } = await container.run("status");
    const [header = "", ...rows] = stdout.trim().split("\n");
    expect({ code, header: header.split(/ {2,}/) }).toEqual({
      code: 0,
      header: ["database", "state", "wal", "replica", "replica state", "lag", "pending", "position", "drill"],
    });
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual(
      ["shard_0", "shard_1", "dlq"].map((name) => [container.file(`${name}.db`), "following"]),
    );
    const json = JSON.parse((await container.run("status", "-json")).stdout) as {
      version: number;
      healthy: boolean;
      databases: { replicas: { lagMs: number }[] }[];
    };
    expect(json).toMatchObject({ version: 1, healthy: true, problems: [] });
    expect(json.databases).toHaveLength(SHARDS + 1);
  });

  it("serves metrics that Prometheus can read, with Litestream's names", async () => {
    const port = await started();
    await using _writer = await spawnShardedWriter(container.data, SHARDS, 2);
    await vi.waitFor(
      async () =>
        expect((await get(port, "/metrics")).text).toMatch(/^litewake_replica_position_offset\{.*shard_1.*\} [1-9]/m),
      10_000,
    );
    const { status, text } = await get(port, "/metrics");
    expect(status).toBe(200);
    for (const line of text.trimEnd().split("\n")) {
      expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? -?[0-9.e+-]+)$/);
    }
    expect(text).toContain(`litestream_db_size{db="${container.file("dlq.db")}"} `);
    expect(text).toMatch(/^litestream_replica_operation_total\{replica_type="file",operation="PUT"\} [1-9]/m);
    expect(text).toMatch(/^litewake_replica_position_offset\{db=".*shard_1.db",name="shard_1"\} [1-9]/m);
    expect(text).toMatch(/^litewake_healthy 1$/m);
    expect((await get(port, "/elsewhere")).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${port}/point?name=x`, { method: "POST" })).status).toBe(405);
  });

  it("goes on whatever it is asked for", async () => {
    const port = await started();
    for (const target of ["//", "http://[", "/%ff%00", "*", "?"]) {
      const status = await new Promise((resolve, reject) => {
        const request = http.request({ port, host: "127.0.0.1", path: target }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        request.on("error", reject);
        request.end();
      });
      expect(status).toBeGreaterThanOrEqual(400);
    }
    expect((await get(port, "/metrics")).status).toBe(200);
  });

  it("is served to this host alone where addr names none", async () => {
    container.configure(['addr: ":0"'], SHARDS);
    running = container.start();
    const line = await running.waitFor(/msg="metrics are served" port=/);
    expect(line).toContain("host=127.0.0.1");
    await running.waitFor(/addr names no host, so only this one is served/);
    const port = Number(/port=(\d+)/.exec(line)?.[1]);
    expect((await get(port, "/metrics")).status).toBe(200);
    const elsewhere = Object.values(os.networkInterfaces())
      .flatMap((all) => all ?? [])
      .find(({ internal, family }) => !internal && family === "IPv4");
    const host = elsewhere?.address ?? "127.0.0.2";
    await expect(fetch(`http://${host}:${port}/metrics`)).rejects.toThrow(/fetch failed/);
  });

  it("is unhealthy while a replica is stale, and says which; healthy again when it has caught up", async () => {
    const port = await started(["stale_after: 300ms"]);
    expect(await get(port, "/healthz")).toEqual({ status: 200, text: "ok\n" });
    // The folder of one shard is in the way of its own objects.
    fs.renameSync(`${container.replica}/shard_0`, `${container.replica}/away`);
    fs.writeFileSync(`${container.replica}/shard_0`, "");
    await (await spawnShardedWriter(container.data, SHARDS, 2, 40)).waitFor(/^done$/);
    await vi.waitFor(async () => expect((await get(port, "/healthz")).status).toBe(503), {
      timeout: 10_000,
      interval: 100,
    });
    expect((await get(port, "/healthz")).text).toMatch(/^.*shard_0\.db: file:.*shard_0 is \d+ s behind \(.*\)\n$/);
    expect((await container.run("status")).code).toBe(1);
    expect((await get(port, "/metrics")).text).toMatch(
      /^litewake_replica_errors_total\{replica_type="file",operation="PUT",kind="\w+"\} [1-9]/m,
    );
    fs.rmSync(`${container.replica}/shard_0`);
    fs.renameSync(`${container.replica}/away`, `${container.replica}/shard_0`);
    await vi.waitFor(async () => expect((await get(port, "/healthz")).status).toBe(200), {
      timeout: 15_000,
      interval: 100,
    });
  });

  it("takes a restore point by name, once, which brings everything back", async () => {
    await started(["points: 0s"]);
    const first = await container.run("point", "before-deploy");
    expect({ code: first.code, line: first.stderr }).toMatchObject({
      code: 0,
      line: expect.stringMatching(
        /^litewake: point before-deploy taken over 3 databases; writers were held for \d+\.\d ms\n$/,
      ),
    });
    const again = await container.run("point", "before-deploy");
    expect({ code: again.code, line: again.stderr }).toEqual({
      code: 7,
      line: "litewake: there is a point named before-deploy already: choose another name\n",
    });
    const wrong = await container.run("point", "a b");
    expect({ code: wrong.code, line: wrong.stderr }).toMatchObject({
      code: 2,
      line: expect.stringContaining("cannot be a point's name"),
    });
    expect((await container.run("points")).stdout).toMatch(/^name +published +pinned\nbefore-deploy +20.*Z +\n$/);
    expect((await container.run("pin", "before-deploy")).stderr).toBe(
      "litewake: before-deploy stays restorable until it is unpinned\n",
    );
    expect((await container.run("points")).stdout).toMatch(/before-deploy +20.*Z +yes\n$/);
    expect((await container.run("unpin", "before-deploy")).stderr).toBe(
      "litewake: before-deploy is restorable as long as the retention window reaches\n",
    );
    const twice = await container.run("unpin", "before-deploy");
    expect({ code: twice.code, line: twice.stderr }).toEqual({
      code: 3,
      line: "litewake: before-deploy is not pinned: litewake points lists what is\n",
    });
    const unknown = await container.run("pin", "elsewhere");
    expect({ code: unknown.code, line: unknown.stderr }).toMatchObject({
      code: 3,
      line: expect.stringContaining('holds no point named "elsewhere": it holds before-deploy'),
    });
    const plan = await container.run("retention", "-dry-run");
    expect(plan.stdout.split("\n")[0]).toMatch(/^database +replica +keep +delete +frees +restorable from$/);
    expect(plan.stdout).toMatch(/shard_0\.db +shard_0 +[1-9]\d* +0 +0 B +20.*Z\n/);
    expect((await container.run("retention")).code).toBe(2);
    await (await spawnShardedWriter(container.data, SHARDS, 2, 40)).waitFor(/^done$/);
    await running?.stop();
    container.wipe();
    expect((await container.run("restore", "-point", "before-deploy")).code).toBe(0);
    expect(judgeShards(container.data, SHARDS)).toEqual({ events: 40, queued: 40, torn: 0, misplaced: 0 });
  });

  it("leaves no socket behind, and a killed one's is no hindrance", async () => {
    await started();
    await running?.kill9();
    const gone = await container.run("status");
    expect({ code: gone.code, line: gone.stderr }).toMatchObject({
      code: 4,
      line: expect.stringMatching(
        /^litewake: no litewake replicates by .*litejoin\.yaml on this host: start litewake replicate, as the same user\n$/,
      ),
    });
    running = container.start();
    await running.waitFor(/metrics are served/);
    await vi.waitFor(async () => expect((await container.run("status")).code).toBe(0), { timeout: 10_000 });
  });

  it.each([
    ["nowhere", 'addr: "nowhere" is no address: write it as ":9090" for this host alone, or "0.0.0.0:9090" for all'],
    ["127.0.0.1:70000", 'addr: "127.0.0.1:70000" is no address'],
    ["192.0.2.1:9090", "cannot listen at 192.0.2.1:9090: "],
  ])("does not start with addr %s", async (addr, line) => {
    container.configure([`addr: "${addr}"`], SHARDS);
    const { code, stderr } = await container.run("replicate");
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(line) });
  });
});

describe("a heartbeat", () => {
  it("is sent while all is well, and its address stays secret", async () => {
    let beats = 0;
    let status = 200;
    const server = http.createServer((_request, response) => {
      beats += 1;
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    try {
      await started([`heartbeat_url: "http://127.0.0.1:${port}/ping/secret-token"`, "heartbeat_interval: 1s"]);
      await vi.waitFor(() => expect(beats).toBeGreaterThan(1), { timeout: 10_000, interval: 50 });
      status = 500;
      await running?.waitFor(/level=WARN msg="the heartbeat is not heard" host=127\.0\.0\.1:\d+ error="status 500"/);
      expect(running?.output()).not.toContain("secret-token");
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it("is not sent while a replica is behind", async () => {
    let beats = 0;
    const server = http.createServer((_request, response) => {
      beats += 1;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    try {
      await started([`heartbeat_url: "http://127.0.0.1:${port}/"`, "heartbeat_interval: 1s", "stale_after: 100ms"]);
      await vi.waitFor(() => expect(beats).toBeGreaterThan(0), { timeout: 10_000, interval: 50 });
      // The folder is a file now: nothing can be stored any more.
      fs.rmSync(container.replica, { recursive: true });
      fs.writeFileSync(container.replica, "");
      await (await spawnShardedWriter(container.data, SHARDS, 2, 40)).waitFor(/^done$/);
      await vi.waitFor(async () => expect((await container.run("status")).code).toBe(1), 10_000);
      const before = beats;
      await new Promise((resolve) => setTimeout(resolve, 2500));
      // One may have been under way.
      expect(beats - before).toBeLessThan(2);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});

describe("the log", () => {
  it("is JSON where nobody reads it on a terminal, one object a line", async () => {
    container.configure([], SHARDS);
    await (await spawnShardedWriter(container.data, SHARDS, 1, 40)).waitFor(/^done$/);
    const { stdout } = await runLitewake(["replicate", "-config", "litejoin.yaml", "-once"], {
      cwd: container.folder.path,
      env: { LITEWAKE_LOG_TYPE: undefined },
    });
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.find(({ msg }) => msg === "snapshot written")).toMatchObject({
      level: "INFO",
      db: expect.stringMatching(/\.db$/),
      index: 0,
    });
    for (const line of lines)
      expect(line).toMatchObject({ time: expect.stringMatching(/Z$/), level: expect.any(String) });
  });
});
