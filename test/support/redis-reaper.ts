import { spawn, type ChildProcess } from 'node:child_process';

/*
 * A shell that outlives this process by a moment: it reads what we started, and when our end of its pipe closes,
 * for whatever reason, it kills the servers that are left and removes their directories.
 */
const SCRIPT = `
pids=" "
dirs=" "
while read -r kind value; do
  case "$kind" in
    started) pids="$pids$value " ;;
    ended) pids=$(printf '%s' "$pids" | sed "s| $value | |") ;;
    made) dirs="$dirs$value " ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done
for dir in $dirs; do rm -rf "$dir"; done
`;

let reaper: ChildProcess | undefined;

function tell(line: string): void {
  if (!reaper) {
    reaper = spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    reaper.unref();
    // A pipe counts as a reason to stay alive unless told otherwise.
    const { stdin } = reaper;
    if (stdin && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  }
  reaper.stdin?.write(`${line}\n`);
}

export const reap = {
  started: (pid: number): void => tell(`started ${pid}`),
  ended: (pid: number): void => tell(`ended ${pid}`),
  made: (directory: string): void => tell(`made ${directory}`),
};
