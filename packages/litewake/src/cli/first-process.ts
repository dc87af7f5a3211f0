// The first process of a container inherits every process whose parent has ended, and has to ask for its end, or it stays as
// a zombie. Node asks for its own children only; a shell asks for all. So the shell becomes the first process and runs this
// program as its child, passing signals on.
import { existsSync } from "node:fs";

const SHELL = "/bin/sh";
const MARK = "LITEWAKE_FIRST_PROCESS";

// A trap may come before there is a child. `wait` ends at each trap; the child's own end is the one after which it is gone.
// In the background standard input would be empty, hence the third descriptor.
const SCRIPT = `
child= early=
for signal in TERM INT HUP QUIT USR1 USR2; do
  trap "if [ -n \\"\\$child\\" ]; then kill -$signal \\$child 2>/dev/null; else early=$signal; fi" $signal
done
exec 3<&0
"$@" <&3 3<&- &
child=$!
exec 3<&-
[ -z "$early" ] || kill -$early $child
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || exit $code
done
`;

/**
 * As a container's first process, does not return: this program starts again as the child of a shell. On a terminal, whose
 * signals reach every process by themselves, and where there is no shell, it stays the first.
 */
export function giveWayToReaper(): void {
  if (process.pid !== 1 || process.stdin.isTTY || !existsSync(SHELL) || process.execve === undefined) return;
  const words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(SHELL, [SHELL, "-c", SCRIPT, "litewake", ...words], { ...process.env, [MARK]: "1" });
}

/** Whether the container ends with this process, since nothing else in it waits for the others. */
export const endsContainer: boolean = process.pid === 1 || (process.ppid === 1 && process.env[MARK] === "1");
// Not for the processes that are started from here.
delete process.env[MARK];
