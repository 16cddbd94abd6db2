import { systemClock } from '../../lib/common/clock.js';
import type {
  Claim,
  Driver,
  Grant,
  Granted,
  Holder,
  LockStore,
  RecordStore,
  RenewOutcome,
  Taken,
  Traits,
  WaitQueue,
  Watch,
} from '../../lib/drivers/driver.js';
import { MemoryRecords, MemoryRecordSpaces } from '../../lib/drivers/memory/memory-records.js';
import { UnorderedWaiter } from '../../lib/drivers/unordered-waiter.js';
import { BackendUnavailableError } from '../../lib/errors.js';

type Operation =
  'start' | 'stop' | 'acquire' | 'renew' | 'release' | 'holders' | 'revoke' | 'list' | 'put' | 'remove';

export interface Call {
  readonly operation: Operation | 'watch' | 'unwatch';
  /** The lock, or the space and the key of a record; of a renewal, all locks, with blanks between them. */
  readonly name: string;
  readonly ttl?: number;
  /** There when a fencing token was asked for. */
  readonly fencing?: true;
  /** Of a renewal, all of them, with blanks between them. */
  readonly grantId?: string;
  /** Of a release that keeps the lock for a while, ms. */
  readonly keepFor?: number;
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
  readonly request: Claim;
}

/**
 * A back end whose replies the test controls. Without a script it keeps exclusive locks that never expire by
 * themselves: what it does at the end of a ttl is the test's to say.
 */
export class ScriptedDriver implements Driver {
  readonly description = 'scripted';
  readonly traits: Traits;
  readonly calls: Call[] = [];
  readonly holders = new Map<string, Stored>();
  readonly #records = new MemoryRecords(new MemoryRecordSpaces(), systemClock);
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #late = new Map<Operation, LateReply[]>();
  readonly #answers = new Map<Operation, unknown[]>();
  #ids = 0;
  #tokens = 0;
  /** Every operation fails with it while it is set. */
  outage?: Error;
  /** What `watch` gives as `ready`. */
  watchReady: Promise<void> = Promise.resolve();

  constructor(private readonly leasesExpire = true) {
    this.traits = { lifetime: leasesExpire ? 'lease' : 'process', modes: ['exclusive'], renewBatch: 500 };
  }

  readonly locks: LockStore = {
    keyOf: (name) => name,
    acquire: (claim) => this.#acquire(claim),
    renew: (grants, ttl) => this.#renew(grants, ttl),
    release: (grant, keepFor) => this.#release(grant, keepFor),
    holders: (name) => this.#do('holders', name, {}, () => this.#holderOf(name)),
    revoke: (holder) => this.#revoke(holder),
    list: () =>
      this.#do('list', '', {}, () => [...this.holders.keys()].flatMap((name) => this.#holderOf(name))),
    watch: (name, listener) => this.#watch(name, listener),
  };

  /** Undefined on a driver that keeps no order. In fact this one keeps none. */
  queue: WaitQueue | undefined = {
    enqueue: (claim, wake) => new UnorderedWaiter(this.locks, claim, wake),
  };

  readonly records: RecordStore = {
    put: (record, ttl) =>
      this.#do('put', `${record.space} ${record.key}`, { ttl }, () => this.#records.put(record, ttl)),
    remove: (space, key, version) =>
      this.#do('remove', `${space} ${key}`, {}, () => this.#records.remove(space, key, version)),
    get: (space, key) => this.#records.get(space, key),
    list: (space) => this.#records.list(space),
    watch: (space, onChange) => this.#records.watch(space, onChange),
  };

  /** The keys of the records of one space. */
  async recordsOf(space: string): Promise<string[]> {
    return (await this.#records.list(space)).map(({ key }) => key);
  }

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
      request: {
        name,
        key: name,
        ttl: 0,
        tokens: 0,
        mode: 'exclusive',
        memberId: 'foreign',
        onRevoked: noop,
      },
    });
  }

  /** Somebody else breaks the lock of whoever has it. */
  break(name: string): Promise<boolean> {
    return this.#revoke({ name, key: name, id: this.holders.get(name)?.id ?? '', holds: 'yes' });
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

  #acquire(request: Claim): Promise<Granted | Taken> {
    const { name, key, ttl, tokens } = request;
    return this.#do<Granted | Taken>('acquire', name, { ttl, ...(tokens > 0 && { fencing: true }) }, () => {
      if (this.holders.has(name)) return { granted: false };
      this.#ids += 1;
      const reserved = tokens > 0 && { tokens: { first: this.#tokens + 1, count: tokens } };
      const grant = { name, key, id: `grant-${this.#ids}`, ...reserved };
      this.#tokens += tokens;
      this.holders.set(name, { id: grant.id, request });
      return { granted: true, grant };
    });
  }

  async #renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]> {
    const [names, ids] = [grants.map(({ name }) => name), grants.map(({ id }) => id)];
    const answer = await this.#do<unknown>('renew', names.join(' '), { ttl, grantId: ids.join(' ') }, () =>
      grants.map(({ name, id }) => (this.holders.get(name)?.id === id ? RENEWED : TAKEN_OVER)),
    );
    return Array.isArray(answer) ? answer : grants.map(() => answer as RenewOutcome);
  }

  /** What it is to keep, it frees all the same: when the time is over is the test's to say. */
  #release({ name, id }: Grant, keepFor = 0): Promise<boolean> {
    return this.#do('release', name, { grantId: id, ...(keepFor > 0 && { keepFor }) }, () => {
      if (this.holders.get(name)?.id !== id) return false;
      this.free(name);
      return true;
    });
  }

  #holderOf(name: string): Holder[] {
    const holder = this.holders.get(name);
    return holder ? [{ name, key: name, id: holder.id, holds: 'yes' }] : [];
  }

  #revoke({ name, id }: Holder): Promise<boolean> {
    return this.#do('revoke', name, {}, () => {
      const holder = this.holders.get(name);
      if (holder?.id !== id) return false;
      this.free(name);
      if (!this.leasesExpire) holder.request.onRevoked({ reason: 'broken', message: 'the lock was broken' });
      return true;
    });
  }

  #watch(name: string, listener: () => void): Watch {
    this.calls.push({ operation: 'watch', name });
    const listeners = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, listeners.add(listener));
    const close = (): void => {
      this.calls.push({ operation: 'unwatch', name });
      listeners.delete(listener);
      if (listeners.size === 0) this.#watchers.delete(name);
    };
    return { ready: this.watchReady, [Symbol.dispose]: close };
  }

  async #do<T>(
    operation: Operation,
    name: string,
    more: Partial<Call>,
    effect: () => T | Promise<T>,
  ): Promise<T> {
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
