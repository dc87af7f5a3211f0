// Keys, configuration and known_hosts of the sftp server, made anew for each start.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { openSsh } from "./binaries.ts";
import { sftp } from "./endpoints.ts";

/** An SSH server's greeting, RFC 4253 section 4.2. */
export const ANSWERS_LIKE_SSH: RegExp = /^SSH-2\.0-/;

export interface PreparedSsh {
  readonly config: string;
  /** As whom to start sshd; undefined: as who we are. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** sshd must not run as root here (it asks for a user `sshd` then), and reads its files as the user it runs as. */
export async function prepareSsh(): Promise<PreparedSsh> {
  const { sshKeygen, env } = await openSsh();
  const folder = path.dirname(sftp.keyPath);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  // What the server reads lies outside of the repository: the user it runs as may not enter there.
  const served = `${sftp.root}.server`;
  fs.rmSync(served, { recursive: true, force: true });
  fs.mkdirSync(served, { mode: 0o755 });
  const hostKey = path.join(served, "host_key");
  const makeKey = (file: string, passphrase = "") =>
    execFileSync(sshKeygen, ["-q", "-t", "ed25519", "-N", passphrase, "-C", "litewake-test", "-f", file], {
      env: { ...process.env, ...env },
    });
  for (const file of [sftp.keyPath, sftp.strangerKeyPath, hostKey]) makeKey(file);
  makeKey(sftp.lockedKeyPath, sftp.passphrase);
  fs.copyFileSync(`${hostKey}.pub`, sftp.hostKeyPath);
  const [type, key] = fs.readFileSync(`${hostKey}.pub`, "utf8").split(" ");
  fs.writeFileSync(sftp.knownHostsPath, `[${sftp.host}]:${sftp.port} ${type} ${key}\n`);
  const allowed = [sftp.keyPath, sftp.lockedKeyPath].map((file) => fs.readFileSync(`${file}.pub`, "utf8"));
  fs.writeFileSync(path.join(served, "authorized_keys"), allowed.join(""));
  const config = path.join(served, "sshd_config");
  fs.writeFileSync(config, configuration(served, hostKey));
  const user = process.getuid?.() === 0 ? idsOf(sftp.user) : { uid: undefined, gid: undefined };
  fs.mkdirSync(sftp.root, { recursive: true });
  if (user.uid !== undefined) for (const place of [hostKey, sftp.root]) fs.chownSync(place, user.uid, user.gid);
  return { config, ...user };
}

function configuration(served: string, hostKey: string): string {
  return `${[
    `ListenAddress ${sftp.host}`,
    `Port ${sftp.port}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${path.join(served, "authorized_keys")}`,
    `PidFile ${path.join(served, "sshd.pid")}`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    // Tests open many connections at once.
    "MaxStartups 200",
    "MaxSessions 100",
    "Subsystem sftp internal-sftp",
  ].join("\n")}\n`;
}

function idsOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync("id", [flag, user], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
