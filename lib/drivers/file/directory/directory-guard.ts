import type { Clock } from '../../../common/clock.js';
import { directoryReplaced, type LockFile } from '../kernel/index.js';
import type { Instance, Instances } from './instance.js';
import type { StateDirectory } from './state-directory.js';

/** How soon another driver is looked for again that has not noticed yet, ms. */
const SOON = 250;

export interface DirectoryGuardContext {
  readonly directory: StateDirectory;
  readonly instance: Pick<Instance, 'number' | 'isInPlace' | 'store'>;
  readonly instances: Pick<Instances, 'elsewhere'>;
  readonly clock: Clock;
  /** Lease time of the coordinator, ms: so long another one may need to notice, which it does with its heartbeat. */
  readonly ttl: number;
  /** Ends the leases whose files are not those any more that others would lock. */
  readonly onMoved: () => void;
}

/**
 * The directory that the locks lie in, which has to be the same one for everybody.
 *
 * Somebody may replace it while it is used: by another mount, a link that is turned, `mv` and `mkdir`. The holder of a lock in
 * the old one and the next holder in the new one would be two. So a driver that finds another directory than before
 * ends what it holds in the old one, says so in its instance, and grants nothing until every other driver has said the
 * same. One that starts asks the instances too. Every driver looks with its heartbeat, and after each lock that it takes.
 *
 *     unsure ──nobody is elsewhere──▶ sure
 *        ▲                              │
 *        └──────another directory───────┘
 */
export class DirectoryGuard {
  #sure = false;
  /** What the instance says. */
  #told: string;
  /** Where the instances are gone as well, the others have one ttl to notice. */
  #waitsUntil = -Infinity;

  constructor(private readonly context: DirectoryGuardContext) {
    this.#told = context.directory.place;
  }

  /**
   * That nobody holds a lock elsewhere whose file this driver has just locked.
   * @throws BackendUnavailableError when somebody may, or the directory must not be used any more
   */
  confirm(file: Pick<LockFile, 'isInPlace'>): void {
    const { directory } = this.context;
    if (this.#sure && directory.isAsBefore()) return;
    this.look();
    this.#refuseWhileUnsure();
    // It may be one of the directory before.
    if (!file.isInPlace()) throw directoryReplaced(directory.path, 'at once', 0);
    this.#sure = true;
  }

  /**
   * Notices what has become of the directory.
   * @throws BackendUnavailableError when it must not be used any more
   */
  look(): void {
    const { directory, instance, clock, ttl, onMoved } = this.context;
    const wasSure = this.#sure;
    // Also when it must not be used: each lock looks anew then, until it may.
    this.#sure = false;
    directory.inspect();
    if (directory.place === this.#told) {
      this.#sure = wasSure;
      return;
    }
    this.#waitsUntil = clock.monotonic() + ttl;
    // In this order: what the instance says, others rely on.
    onMoved();
    if (instance.isInPlace()) instance.store(directory.place);
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
