// One small shell beside each test process. It outlives the test process by a moment, however that one ended, kills what
// it started and removes its temporary folders: a killed test run leaves nothing running and nothing lying about.
import { type ChildProcess, spawn } from "node:child_process";

const SCRIPT = `
trap '' INT TERM HUP
pids=" "
while IFS=' ' read -r verb rest; do
  case $verb in
    watch) pids="$pids$rest " ;;
    ended) case $pids in *" $rest "*) pids="\${pids%% "$rest" *} \${pids#* "$rest" }" ;; esac ;;
    folder) set -- "$@" "$rest" ;;
    forget) keep=$#; while [ "$keep" -gt 0 ]; do [ "$1" = "$rest" ] || set -- "$@" "$1"; shift; keep=$((keep - 1)); done ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
for folder in "$@"; do rm -rf -- "$folder"; done
`;

let reaper: ChildProcess | undefined;

function tell(verb: string, rest: string | number): void {
  if (reaper === undefined) {
    reaper = spawn("sh", ["-c", SCRIPT, "reaper"], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
    reaper.unref();
    const input = reaper.stdin;
    if (input !== null && "unref" in input && typeof input.unref === "function") input.unref();
    input?.on("error", () => {});
  }
  reaper.stdin?.write(`${verb} ${rest}\n`);
}

/** Kills the process when this one ends, unless `ended` is told first. */
export function watchChild(pid: number): void {
  tell("watch", pid);
}

export function childEnded(pid: number): void {
  tell("ended", pid);
}

/** Removes the folder when this process ends. */
export function removeAtEnd(folder: string): void {
  tell("folder", folder);
}

export function alreadyRemoved(folder: string): void {
  tell("forget", folder);
}
