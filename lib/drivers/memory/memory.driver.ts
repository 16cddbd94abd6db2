import type {
  AcquireReply,
  AcquireRequest,
  Driver,
  DriverContext,
  Grant,
  QueuedWaiter,
  RenewOutcome,
} from '../driver.js';
import { MemorySpace, type MemoryWaiter } from './memory-space.js';

/** Unique in this process, which is all that this driver serves. */
let grants = 0;

/**
 * Locks within this process only, for unit tests. Coordinators with the same URL share one space, so that
 * several of them contend as replicas do. A lease ends with the process.
 */
export class MemoryDriver implements Driver {
  readonly leasesExpire = false;
  readonly renewsAtOnce = Infinity;
  readonly description: string;
  readonly #space: MemorySpace;

  constructor(
    space: string,
    private readonly context: Pick<DriverContext, 'clock' | 'onBackendChange'>,
  ) {
    this.description = space ? `memory ${space}` : 'memory';
    this.#space = MemorySpace.named(space);
  }

  async start(): Promise<void> {
    this.context.onBackendChange({ state: 'up' });
  }

  async stop(): Promise<void> {}

  async tryAcquire(request: AcquireRequest): Promise<AcquireReply> {
    return this.#take(request);
  }

  enqueue(request: AcquireRequest, wake: () => void): QueuedWaiter {
    const waiter: MemoryWaiter = { wake };
    return {
      tryAcquire: async () => this.#take(request, waiter),
      ready: () => undefined,
      leave: () => this.#space.leave(request.name, waiter) as undefined,
    };
  }

  async renew(grants: readonly Grant[]): Promise<readonly RenewOutcome[]> {
    return grants.map((grant) =>
      this.#space.holds(grant)
        ? { kind: 'renewed' }
        : { kind: 'lost', loss: { reason: 'broken', message: 'the lock was broken' } },
    );
  }

  async release(grant: Grant): Promise<boolean> {
    if (!this.#space.holds(grant)) return false;
    this.#space.free(grant.name);
    return true;
  }

  async isOwner(grant: Grant): Promise<boolean> {
    return this.#space.holds(grant);
  }

  async break(name: string): Promise<boolean> {
    const revoke = this.#space.free(name);
    revoke?.({ reason: 'broken', message: 'the lock was broken' });
    return revoke !== undefined;
  }

  async announce(memberId: string): Promise<void> {
    this.#space.members.add(memberId);
  }

  async withdraw(memberId: string): Promise<void> {
    this.#space.members.delete(memberId);
  }

  #take({ name, fencing, tokens = 1, onRevoked }: AcquireRequest, waiter?: MemoryWaiter): AcquireReply {
    grants += 1;
    const id = String(grants);
    if (!this.#space.take(name, id, onRevoked, waiter)) return { granted: false };
    const { clock } = this.context;
    return {
      granted: true,
      grant: { name, id, ...(fencing && { fencingToken: this.#space.nextToken(clock.wall(), tokens) }) },
    };
  }
}
