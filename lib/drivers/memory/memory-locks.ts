import type { Clock } from '../../common/clock.js';
import type {
  Claim,
  Downgrade,
  Grant,
  Granted,
  Holder,
  LockStore,
  QueuedWaiter,
  RenewOutcome,
  Taken,
  WaitQueue,
} from '../driver.js';
import type { MemorySpace, MemoryWaiter } from './memory-space.js';

const TAKEN: Taken = { granted: false };

/** Gives ids that are unique in this process; the driver serves no other process. */
let grants = 0;

export class MemoryLocks implements LockStore, WaitQueue {
  constructor(
    private readonly space: MemorySpace,
    private readonly clock: Clock,
  ) {}

  keyOf(name: string): string {
    return name;
  }

  async acquire(claim: Claim): Promise<Granted | Taken> {
    return this.#take(claim);
  }

  enqueue(claim: Claim, wake: () => void): QueuedWaiter {
    const waiter: MemoryWaiter = { wake, shared: claim.mode === 'shared' };
    return {
      tryAcquire: async () => this.#take(claim, waiter),
      ready: () => undefined,
      leave: () => this.space.leave(claim.name, waiter) as undefined,
    };
  }

  async renew(renewed: readonly Grant[]): Promise<readonly RenewOutcome[]> {
    return renewed.map((grant) =>
      this.space.holds(grant)
        ? { kind: 'renewed' }
        : { kind: 'lost', loss: { reason: 'broken', message: 'the lock was broken' } },
    );
  }

  async release(grant: Grant, keepFor = 0): Promise<boolean> {
    const { name, id } = grant;
    if (!this.space.holds(grant)) return false;
    if (keepFor > 0) this.#keep(name, id, keepFor);
    else this.space.free(name, id);
    return true;
  }

  downgrade(grant: Grant): Downgrade {
    return { grant: { ...grant }, done: Promise.resolve(this.space.downgrade(grant.name, grant.id)) };
  }

  async holders(name: string): Promise<readonly Holder[]> {
    return this.space.holdersOf(name);
  }

  async revoke({ name, id }: Holder): Promise<boolean> {
    const revoke = this.space.free(name, id);
    revoke?.({ reason: 'broken', message: 'the lock was broken' });
    return revoke !== undefined;
  }

  async list(): Promise<readonly Holder[]> {
    return this.space.names.flatMap((name) => this.space.holdersOf(name));
  }

  /** The timer belongs to the lock and not to this driver: it goes on after a stop, and keeps no process alive. */
  #keep(name: string, ended: string, ms: number): void {
    grants += 1;
    const id = `kept-${grants}`;
    this.space.keep(name, ended, id);
    this.clock.setTimer(ms, () => void this.space.free(name, id), 'background');
  }

  #take(claim: Claim, waiter?: MemoryWaiter): Granted | Taken {
    grants += 1;
    const id = String(grants);
    const { name, key, tokens } = claim;
    if (!this.space.take(claim, id, waiter)) return TAKEN;
    if (tokens === 0) return { granted: true, grant: { name, key, id } };
    const first = this.space.nextToken(this.clock.wall(), tokens);
    return { granted: true, grant: { name, key, id, tokens: { first, count: tokens } } };
  }
}
