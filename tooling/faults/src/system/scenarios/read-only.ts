// File systems that become read-only, or fail altogether, under the replica, the local state, the database and a restore.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runLitewake } from "@litewake-tooling/testkit";
import { require } from "../broken.ts";
import { scenario, type Theme } from "../scenario.ts";

const MIB = 1 << 20;
/** Makes a folder read-only for what runs under it, and for nobody else: a volume that a sidecar may only read. */
const READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: from now on every call fails with EIO, as on a disk that died. */
const KILL_DISK = "import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1],0),0x8004587d,struct.pack('I',2))";

export const readOnly: Theme = [
  scenario("target-read-only", async (world) => {
    const disk = world.tmpfs("store", 64 * MIB);
    world.replica = path.join(disk, "replica");
    const application = await world.application();
    await world.remount(disk, "ro");
    await application.follower.says(/file system is read-only/);
    await sleep(world.between(200, 1500));
    await world.remount(disk, "rw");
    await application.goesOn();
    await application.end({ says: /replica does not take what is shipped.*read-only/ });
  }),

  scenario("target-read-only-at-start", async (world) => {
    const disk = world.tmpfs("store", 64 * MIB);
    world.replica = path.join(disk, "replica");
    const before = await world.application();
    await before.writer.stop();
    await before.follower.stop();
    await world.remount(disk, "ro");
    await before.write();
    await before.follow({ atOnce: true });
    await before.follower.says(/file system is read-only/);
    await world.remount(disk, "rw");
    await before.goesOn();
    // Nobody followed while the application wrote: whether that can be proved is not the question here.
    await before.end({ generations: [/holds no generation/], moreGenerations: /while nobody/ });
  }),

  scenario("state-read-only", async (world) => {
    const disk = world.tmpfs("state", 32 * MIB);
    world.meta = path.join(disk, "meta");
    const application = await world.application({ pageSize: 65_536, payloadBytes: 60_000, rate: 8 });
    await world.remount(disk, "ro");
    await application.goesOn(30);
    await world.remount(disk, "rw");
    await application.goesOn();
    await application.end({ says: /meta\/(state.json|spool)/ });
  }),

  scenario("source-read-only-at-start", async (world) => {
    const writer = await world.writer();
    await writer.reached(5);
    const folder = path.dirname(world.database);
    const follower = await world.follower({ under: ["unshare", "--mount", "sh", "-c", READ_ONLY, folder] });
    await follower.endsWith(/app\.db cannot be opened for reading and writing.*(EROFS|read-only)/, 6);
    require(!fs.existsSync(world.replica), "something was written to the replica");
    require(Object.keys((await writer.stop()).errors).length === 0, "the application met errors");
  }),

  scenario("restore-onto-a-read-only-disk", async (world) => {
    const application = await world.application();
    await application.end();
    const disk = world.tmpfs("output", MIB);
    await world.remount(disk, "ro");
    const output = path.join(disk, "restored.db");
    const { code, stderr } = await runLitewake(["restore", "-o", output, `file://${world.replica}`]);
    require(code === 6, `exit code ${code}, expected 6: ${stderr}`);
    require(stderr.trim().split("\n").length === 1 && stderr.includes(output) && /read-only/.test(stderr), stderr);
    require(fs.readdirSync(disk).length === 0, "something was left");
  }),

  scenario("target-disk-dies", async (world) => {
    const image = world.join("disk.img");
    execFileSync("truncate", ["-s", "64M", image]);
    execFileSync("mkfs.ext4", ["-q", image]);
    const disk = world.join("disk");
    fs.mkdirSync(disk);
    world.mount(["-o", "loop", image, disk], disk);
    world.replica = path.join(disk, "replica");
    const application = await world.application();
    execFileSync("sync", ["-f", disk]);
    execFileSync("python3", ["-c", KILL_DISK, disk]);
    await application.follower.says(/replica does not take what is shipped/);
    await sleep(world.between(200, 1000));
    execFileSync("umount", [disk]);
    world.mount(["-o", "loop", image, disk], disk);
    await application.goesOn();
    await application.end({ says: /replica does not take what is shipped.*EIO/ });
  }),
];
