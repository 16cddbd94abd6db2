import type { Clock } from '../../common/clock.js';
import type { DirectoryGuard, Instance, StateDirectory, TokenFloor } from './directory/index.js';
import type { FileCalls } from './file-calls.js';
import type { FileHealth } from './file-health.js';
import type { HeldLocks } from './holder/index.js';
import type { NativeLock } from './kernel/index.js';
import type { Peers } from './peers/index.js';
import type { FileQueues } from './queue/index.js';
import type { FileShares } from './shares/index.js';

/** How many held leases, or joining waiters, are handled in one turn of the event loop: about a ms of work. */
export const AT_ONCE = 100;

/** The parts of a driver that exist between its start and its stop. */
export interface RunningFiles {
  readonly native: NativeLock;
  readonly instance: Instance;
  readonly queues: FileQueues;
  readonly guard: DirectoryGuard;
  readonly floor: TokenFloor;
  readonly shares: FileShares;
}

/** The parts of a driver that its locks and leases need. */
export interface FileParts {
  readonly clock: Clock;
  readonly warn: (message: string) => void;
  readonly calls: FileCalls;
  readonly directory: StateDirectory;
  readonly health: FileHealth;
  readonly heldLocks: HeldLocks;
  readonly peers: Peers;
  /** @throws BackendUnavailableError when the driver does not run */
  readonly running: () => RunningFiles;
  /** Exists from the start on, also after the stop. */
  readonly shares: () => FileShares | undefined;
}

/** Lets the process handle the input that has come in meanwhile. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.afterInput(resolve));
}
