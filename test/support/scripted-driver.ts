import type {
  AcquireReply,
  AcquireRequest,
  Driver,
  Grant,
  QueuedWaiter,
  RenewOutcome,
} from '../../lib/drivers/driver.js';
import { type Watch, UnorderedWaiter } from '../../lib/drivers/unordered-waiter.js';
import { BackendUnavailableError } from '../../lib/errors.js';

type Operation =
  'start' | 'stop' | 'tryAcquire' | 'renew' | 'release' | 'isOwner' | 'break' | 'announce' | 'withdraw';

export interface Call {
  readonly operation: Operation | 'watch' | 'unwatch';
  /** The lock or the member; of a renewal, all locks, with blanks between them. */
  readonly name: string;
  readonly ttl?: number;
  /** There when a fencing token was asked for. */
  readonly fencing?: true;
  /** Of a renewal, all of them, with blanks between them. */
  readonly grantId?: string;
}

/** A reply that the test gives when it wants to. */
export class LateReply {
  #settle: (how: 'answer' | Error) => void = () => undefined;
  readonly settled = new Promise<'answer' | Error>((resolve) => (this.#settle = resolve));

  /** The back end does what was asked of it now, and answers. */
  answer(): void {
    this.#settle('answer');
  }

  fail(error: Error): void {
    this.#settle(error);
  }
}

interface Stored {
  readonly id: string;
  readonly request: AcquireRequest;
}

/**
 * A back end whose replies the test controls. Without a script it keeps exclusive locks that never expire by
 * themselves: what it does at the end of a ttl is the test's to say.
 */
export class ScriptedDriver implements Driver {
  readonly description = 'scripted';
  readonly renewsAtOnce = 500;
  readonly calls: Call[] = [];
  readonly holders = new Map<string, Stored>();
  readonly members = new Set<string>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #late = new Map<Operation, LateReply[]>();
  readonly #answers = new Map<Operation, unknown[]>();
  #ids = 0;
  #tokens = 0;
  /** Every operation fails with it while it is set. */
  outage?: Error;
  /** What `watch` gives as `ready`. */
  watchReady: Promise<void> = Promise.resolve();

  constructor(readonly leasesExpire = true) {}

  /** The next such operation waits for the test. */
  delay(operation: Operation): LateReply {
    const reply = new LateReply();
    this.#queue(this.#late, operation).push(reply);
    return reply;
  }

  /**
   * The next such operation answers this, or rejects if it is an Error. A renewal gives it to each of its leases, or
   * to each its own if it is an array.
   */
  answer(operation: Operation, reply: unknown): void {
    this.#queue(this.#answers, operation).push(reply);
  }

  goDown(): void {
    this.outage = new BackendUnavailableError('the scripted back end is down');
  }

  comeUp(): void {
    this.outage = undefined;
  }

  /** Somebody else takes the lock. */
  takeAway(name: string): void {
    this.holders.set(name, {
      id: 'foreign',
      request: { name, ttl: 0, fencing: false, memberId: 'foreign', onRevoked: noop },
    });
  }

  /** Somebody else gives it back, and a wake-up goes out unless it is lost on the way. */
  free(name: string, wake = true): void {
    this.holders.delete(name);
    if (wake) this.ring(name);
  }

  ring(name: string): void {
    for (const listener of this.#watchers.get(name) ?? []) listener();
  }

  get watchers(): number {
    return [...this.#watchers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  count(operation: Call['operation']): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  start = (): Promise<void> => this.#do('start', '', {}, noop);

  stop = (): Promise<void> => this.#do('stop', '', {}, noop);

  tryAcquire(request: AcquireRequest): Promise<AcquireReply> {
    const { name, ttl, fencing, tokens = 1 } = request;
    return this.#do<AcquireReply>('tryAcquire', name, { ttl, ...(fencing && { fencing }) }, () => {
      if (this.holders.has(name)) return { granted: false };
      this.#ids += 1;
      const grant = { name, id: `grant-${this.#ids}`, ...(fencing && { fencingToken: this.#tokens + 1 }) };
      if (fencing) this.#tokens += tokens;
      this.holders.set(name, { id: grant.id, request });
      return { granted: true, grant };
    });
  }

  enqueue(request: AcquireRequest, wake: () => void): QueuedWaiter {
    return new UnorderedWaiter(
      () => this.tryAcquire(request),
      () => this.watch(request.name, wake),
    );
  }

  async renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]> {
    const [names, ids] = [grants.map(({ name }) => name), grants.map(({ id }) => id)];
    const answer = await this.#do<unknown>('renew', names.join(' '), { ttl, grantId: ids.join(' ') }, () =>
      grants.map(({ name, id }) => (this.holders.get(name)?.id === id ? RENEWED : TAKEN_OVER)),
    );
    return Array.isArray(answer) ? answer : grants.map(() => answer as RenewOutcome);
  }

  release({ name, id }: Grant): Promise<boolean> {
    return this.#do('release', name, { grantId: id }, () => {
      if (this.holders.get(name)?.id !== id) return false;
      this.free(name);
      return true;
    });
  }

  isOwner({ name, id }: Grant): Promise<boolean> {
    return this.#do('isOwner', name, { grantId: id }, () => this.holders.get(name)?.id === id);
  }

  break(name: string): Promise<boolean> {
    return this.#do('break', name, {}, () => {
      const holder = this.holders.get(name);
      this.free(name);
      if (holder && !this.leasesExpire)
        holder.request.onRevoked({ reason: 'broken', message: 'the lock was broken' });
      return holder !== undefined;
    });
  }

  watch(name: string, listener: () => void): Watch {
    this.calls.push({ operation: 'watch', name });
    const listeners = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, listeners.add(listener));
    const close = (): void => {
      this.calls.push({ operation: 'unwatch', name });
      listeners.delete(listener);
      if (listeners.size === 0) this.#watchers.delete(name);
    };
    return { ready: this.watchReady, close };
  }

  announce(memberId: string, ttl: number): Promise<void> {
    return this.#do('announce', memberId, { ttl }, () => void this.members.add(memberId));
  }

  withdraw(memberId: string): Promise<void> {
    return this.#do('withdraw', memberId, {}, () => void this.members.delete(memberId));
  }

  async #do<T>(operation: Operation, name: string, more: Partial<Call>, effect: () => T): Promise<T> {
    this.calls.push({ ...more, operation, name });
    const how = await this.#queue(this.#late, operation).shift()?.settled;
    if (how instanceof Error) throw how;
    if (this.outage && operation !== 'stop') throw this.outage;
    const answers = this.#queue(this.#answers, operation);
    if (answers.length === 0) return effect();
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer as T;
  }

  #queue<T>(queues: Map<Operation, T[]>, operation: Operation): T[] {
    let queue = queues.get(operation);
    if (!queue) queues.set(operation, (queue = []));
    return queue;
  }
}

const RENEWED: RenewOutcome = { kind: 'renewed' };
const TAKEN_OVER: RenewOutcome = {
  kind: 'lost',
  loss: { reason: 'taken-over', message: 'somebody else has it' },
};

function noop(): void {}
