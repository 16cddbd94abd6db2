import { getEventListeners } from 'node:events';
import { readdirSync, readlinkSync, watch } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { atMost, type Count, same } from './counts.js';
import type { TimerLedger } from './timer-ledger.js';

const DESCRIPTORS = '/proc/self/fd';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What this process has open, listens to and waits for. */
export class ProcessCounts {
  #warnings = 0;
  readonly #onWarning = (): void => void (this.#warnings += 1);

  /** @param signal the one that every call is given; its listeners are counted */
  constructor(
    private readonly timers: TimerLedger,
    private readonly signal: AbortSignal,
  ) {
    process.on('warning', this.#onWarning);
    // Node opens one descriptor for all watchers with the first of them, and keeps it. Chance decides when a cycle needs one.
    watch('.', { persistent: false }).close();
  }

  end(): void {
    process.off('warning', this.#onWarning);
  }

  now(): Count[] {
    const listeners = process
      .eventNames()
      .map((name) => `${String(name)} ${process.listenerCount(name)}`)
      .join(', ');
    const total = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
    const resources = process.getActiveResourcesInfo();
    const descriptors = openDescriptors();
    const sockets = descriptors.filter((target) => target.startsWith('socket:'));
    const others = descriptors.filter((target) => !target.startsWith('socket:'));
    return [
      same('listeners on process', total, listeners),
      same("listeners on the callers' AbortSignal", getEventListeners(this.signal, 'abort').length),
      atMost(0, 'warnings of Node', this.#warnings),
      same('pending timers', this.timers.pending),
      same('active resources', resources.length, resources.join(', ')),
      same('sockets', sockets.length),
      same('other file descriptors', others.length, others.join(', ')),
    ];
  }
}

/** Bytes in use after two collections. */
export async function heapInUse(): Promise<number> {
  collect();
  // What a collection finalizes is told in a later turn.
  await nextTurn();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What each descriptor is open on; nothing where the system does not tell. */
function openDescriptors(): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync(DESCRIPTORS).flatMap((descriptor) => {
    try {
      return [readlinkSync(`${DESCRIPTORS}/${descriptor}`)];
    } catch {
      // The one through which the directory was read is gone by now.
      return [];
    }
  });
}
