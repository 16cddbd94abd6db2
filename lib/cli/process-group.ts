import { say } from './output.js';

/** How often the end of a command is checked for, ms. */
const LOOK_EVERY = 25;

/** Groups that may not be signalled, and were reported. */
const refusing = new Set<number>();

/** Ends all processes of a group: by SIGTERM, and by SIGKILL after so many ms, or at once for 0. */
export async function endGroup(group: number, grace: number): Promise<void> {
  const end = performance.now() + grace;
  if (grace > 0 && !send(group, 'SIGTERM')) return;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    if (!send(group, 0)) return;
  }
  send(group, 'SIGKILL');
}

/**
 * A group that may not be signalled, as a command of sudo, is still there. That is said once.
 * @param signal 0 to look only. @returns false when no process is left in the group
 */
export function send(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return false;
    if (code !== 'EPERM') throw error;
    if (signal !== 0) tellOfRefusal(group);
    return true;
  }
}

function tellOfRefusal(group: number): void {
  if (refusing.has(group)) return;
  refusing.add(group);
  say(
    `nestjs-coordination: the command (process group ${group}) runs as another user, and this tool may not send it a signal; the tool waits until the command ends by itself`,
  );
}
