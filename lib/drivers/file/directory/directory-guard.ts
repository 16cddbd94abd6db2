import type { Clock } from '../../../common/clock.js';
import { directoryReplaced, type LockFile, seatGone } from '../kernel/index.js';
import type { Instance, Instances } from './instance.js';
import { isSamePlace, type Place } from './place.js';
import type { StateDirectory } from './state-directory.js';

/** When to look again for a driver that has not noticed yet, ms. */
const SOON = 250;

export interface DirectoryGuardContext {
  readonly directory: StateDirectory;
  readonly instance: Pick<Instance, 'number' | 'isInPlace' | 'store'>;
  readonly instances: Pick<Instances, 'elsewhere'>;
  readonly clock: Clock;
  /** The coordinator's ttl, ms. Another driver notices with its heartbeat, so within this time. */
  readonly ttl: number;
  readonly warn: (message: string) => void;
  /** Ends the leases whose files other processes would no longer lock. */
  readonly onMoved: () => void;
}

/**
 * Makes sure that all drivers use the same directory of locks.
 *
 * The directory, or a folder in it, may be replaced while it is in use: by another mount, by a link that is turned, by `mv` and `mkdir`.
 * The lock could then have one holder in the old directory and another in the new one. So a driver that finds another directory than
 * before ends its leases in the old one, says so in its instance, and grants nothing until every other driver has said the same. A
 * driver that starts asks the instances too. Every driver looks with its heartbeat, and after each lock that it takes.
 *
 *     unsure ──no driver elsewhere──▶ sure
 *        ▲                              │
 *        └──────another directory───────┘
 */
export class DirectoryGuard {
  #sure = false;
  /** The place that this driver has told the others, in its instance file. */
  #told: Place;
  /** Where the instances are gone as well, this driver gives the others one ttl to notice. */
  #waitsUntil = -Infinity;

  constructor(private readonly context: DirectoryGuardContext) {
    this.#told = context.directory.place;
  }

  /**
   * Makes sure that no other driver holds, in another directory, the lock whose file this driver has just locked.
   * @throws BackendUnavailableError when another driver may hold it, or the directory must not be used any more
   */
  confirm(file: Pick<LockFile, 'isInPlace'>): void {
    const { directory } = this.context;
    if (this.#sure && directory.isAsBefore()) return;
    this.look();
    this.#refuseWhileUnsure();
    // The file may be in the directory that was used before.
    if (!file.isInPlace()) throw directoryReplaced(directory.path, 'at once', 0);
    this.#sure = true;
  }

  /**
   * Notices a change of the directory.
   * @throws BackendUnavailableError when it must not be used any more
   */
  look(): void {
    const { directory, instance, clock, ttl, warn, onMoved } = this.context;
    const wasSure = this.#sure;
    // False also if `inspect` throws: each lock then looks again, until the directory may be used.
    this.#sure = false;
    directory.inspect();
    if (isSamePlace(directory.place, this.#told)) {
      this.#sure = wasSure;
      return;
    }
    this.#waitsUntil = clock.monotonic() + ttl;
    // In this order: others rely on what the instance says, so the leases must have ended first.
    onMoved();
    if (instance.isInPlace()) instance.store(directory.place);
    else warn(seatGone(directory.instancesFolder).message);
    this.#told = directory.place;
  }

  #refuseWhileUnsure(): void {
    const { directory, instance, instances, clock } = this.context;
    if (instance.isInPlace()) {
      const other = instances.elsewhere(directory.place, instance.number);
      if (!other) return;
      const until = `as soon as process ${other.pid} has noticed, which it does with its next heartbeat, or has ended`;
      throw directoryReplaced(directory.path, until, SOON);
    }
    const left = this.#waitsUntil - clock.monotonic();
    if (left > 0) throw directoryReplaced(directory.path, `in ${Math.ceil(left)} ms`, left);
  }
}
