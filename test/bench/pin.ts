import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/**
 * Gives servers and this process a core each, where the system can: left to themselves they now share one and now do
 * not, which changes a round trip by more than what is measured here.
 */
export function separateCores(servers: readonly number[]): void {
  if (process.platform !== 'linux' || availableParallelism() < 2) return;
  for (const pid of servers) pinTo(0, pid);
  pinTo(1, process.pid);
}

function pinTo(core: number, pid: number): void {
  // Without taskset it is measured as it comes.
  spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)], {
    stdio: 'ignore',
  });
}
