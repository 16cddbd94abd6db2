import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/*
 * Servers have one core, and their clients another, where the system can: left to themselves they now share one and now
 * do not, which changes a round trip by more than what is measured here.
 */
const SERVERS = 0;
const CLIENTS = 1;

export function pinToServerCore(pids: readonly number[]): void {
  for (const pid of pids) pinTo(SERVERS, pid);
}

/** This process, and those that it starts from now on. */
export function pinToClientCore(): void {
  pinTo(CLIENTS, process.pid);
}

function pinTo(core: number, pid: number): void {
  if (process.platform !== 'linux' || availableParallelism() < 2) return;
  // Without taskset it is measured as it comes.
  spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)], {
    stdio: 'ignore',
  });
}
