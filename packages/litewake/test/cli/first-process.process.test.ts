// As the first process of a container: it reaps what others leave behind, passes signals and input on, and ends as its child does.
import { litewakeBinary, ManagedProcess, runToEnd, tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";

const UNSHARE = ["-pf", "--mount-proc", process.execPath, litewakeBinary];
/** Makes a process whose parent ends at once, and which ends a little later. */
const ORPHAN = "(sleep 0.1 &)";
const ZOMBIES = "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '";

// As a command of `init`, and of `replicate -exec` with replication.
const ways: [string, (script: string, folder: string) => string[]][] = [
  ["init", (script) => ["init", "--", "sh", "-c", script]],
  [
    "replicate -exec",
    (script, folder) => [
      "replicate",
      "-exec",
      `sh -c '${script.replaceAll("'", "'\\''")}'`,
      `${folder}/a.db`,
      `file://${folder}/replica`,
    ],
  ],
];

describe.each(ways)("litewake %s as a container's first process", (_name, words) => {
  it("leaves no zombies", async () => {
    using folder = tempDir("first");
    const script = `${ORPHAN}; ${ORPHAN}; ${ORPHAN}; sleep 0.5; echo zombies $(${ZOMBIES})`;
    const { code, stdout, stderr } = await runToEnd("unshare", [...UNSHARE, ...words(script, folder.path)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^zombies 0$/m);
  });

  it.each([
    ["exit 0", 0],
    ["exit 1", 1],
    ["exit 143", 143],
    ["kill -KILL $$", 137],
    ["kill -SEGV $$", 139],
  ])("ends as its child does: %s", async (script, expected) => {
    using folder = tempDir("first");
    expect((await runToEnd("unshare", [...UNSHARE, ...words(script, folder.path)])).code).toBe(expected);
  });

  it("passes signals on, once", async () => {
    using folder = tempDir("first");
    const script = "trap 'echo told; sleep 0.2; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    await using outer = new ManagedProcess("unshare", ["--kill-child", ...UNSHARE, ...words(script, folder.path)]);
    await outer.waitFor(/^ready$/);
    // The namespace's first process is the only child of unshare.
    const { stdout } = await runToEnd("pgrep", ["-P", String(outer.pid)]);
    process.kill(Number(stdout.trim()), "SIGTERM");
    expect((await outer.ended).code).toBe(7);
    expect(outer.output().match(/told/g)).toHaveLength(1);
  });

  it("passes its input on", async () => {
    using folder = tempDir("first");
    await using outer = new ManagedProcess("unshare", [...UNSHARE, ...words("read line; echo got $line", folder.path)]);
    outer.write("something\n");
    await outer.waitFor(/^got something$/);
  });
});
