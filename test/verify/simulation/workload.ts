import type { Budget, Storage } from '../checker/index.js';
import { BackendUnavailableError, LeaseLostError } from '../../../lib/errors.js';
import { HeldLease } from '../../../lib/lock/lease/held-lease.js';
import type { LockManager } from '../../../lib/lock/lock-manager.js';
import { takePermit } from '../../../lib/semaphores/index.js';
import type { Member } from './member.js';
import type { Link } from './network.js';
import { GRANTED_TOO_LATE, STAYED } from './promises.js';
import type { Random } from './random.js';
import type { SimulatedStorage, StorageReply, StorageRequest } from './storage.js';

export interface WorkloadSettings {
  readonly locks: readonly string[];
  readonly ttls: readonly number[];
  readonly fencing: boolean;
  /** How many calls are `fair`. */
  readonly ordered: number;
  /** How many calls ask for a share of a lock, or for a permit. */
  readonly kinds: number;
  /** How long a body works, ms, at most. */
  readonly work: number;
  /** Between two calls, ms, at most. */
  readonly think: number;
  /** How many bodies never look at their lease before they write. */
  readonly careless: number;
  /** Until when calls begin, on the judge's clock, ms. */
  readonly until: number;
}

/** Where something goes wrong more easily than elsewhere. */
export type Spot = 'grant and use' | 'read and write' | 'release';

export interface WorkloadPlace {
  readonly member: Member;
  readonly manager: LockManager;
  readonly storage: SimulatedStorage;
  readonly link: Link;
  readonly random: Random;
  /** Told when the member is at a spot. */
  readonly at: (spot: Spot, lock: string) => void;
  /** The calls under way. */
  readonly waiting: Set<Waiter>;
  /** Told of each lease; returns a name for its grant. */
  readonly used: (lease: HeldLease) => string;
  /** Told when it is going to be given back, on the judge's clock, ms. */
  readonly released: (id: string, at: number) => void;
}

/** A call that can be called off from outside. */
export interface Waiter {
  readonly lock: string;
  readonly callOff: () => void;
}

/** One line of work in a process: asks for a lock, counts up what it protects, and gives it back, again and again. */
export async function work(settings: WorkloadSettings, place: WorkloadPlace): Promise<void> {
  const { member, random } = place;
  while (member.now < settings.until) {
    await member.sleep(random.between(0, settings.think));
    await new Turn(settings, place).run();
  }
}

/** How many permits there are. */
const PERMITS = 2;

class Turn {
  readonly #lock: string;
  readonly #kind: 'alone' | 'shared' | 'permit';
  readonly #ttl: number;
  readonly #attempt: string;
  #signal: AbortSignal | undefined;
  /** When it was called off, on the judge's clock, and how long its process had been stopped by then, ms. */
  #calledOff: { readonly at: number; readonly paused: number } | undefined;

  constructor(
    private readonly settings: WorkloadSettings,
    private readonly place: WorkloadPlace,
  ) {
    this.#lock = place.random.pick(settings.locks);
    this.#ttl = place.random.pick(settings.ttls);
    const other = settings.kinds > 0 && place.random.chance(settings.kinds);
    this.#kind = other ? place.random.pick(['shared', 'shared', 'permit']) : 'alone';
    this.#attempt = place.member.place.journal.name('call');
  }

  async run(): Promise<void> {
    const lease = await this.#acquire();
    if (lease) await this.#use(lease, this.#granted(lease));
  }

  async #acquire(): Promise<HeldLease | undefined> {
    const { member, manager, random } = this.place;
    const { journal } = member.place;
    const budget = random.pick<Budget>(['once', random.between(1, this.#ttl), 3 * this.#ttl, 3 * this.#ttl]);
    const call = this.#call(this.#attempt);
    journal.add({ type: 'attempt', at: member.now, ...call, budget });
    const controller = new AbortController();
    const waiter = this.#waiter(controller);
    try {
      const [name, ttl, label, { signal }] = [this.#lock, this.#ttl, '', controller];
      const fair = random.chance(this.settings.ordered);
      const blocking = budget === 'once' ? 0 : Number(budget);
      const acquisition =
        this.#kind === 'permit'
          ? await takePermit(manager, { name, permits: PERMITS, ttl, fair, blocking, signal, label })
          : await manager.acquire({
              name,
              ttl,
              fencing: this.settings.fencing,
              fair,
              shared: this.#kind === 'shared',
              waitLimit: manager.waitLimit(blocking, signal),
              label,
            });
      if (acquisition instanceof HeldLease) return acquisition;
      journal.add({ type: 'refused', at: member.now, attempt: this.#attempt });
    } catch (error) {
      const kind =
        error === CALLED_OFF ? 'called off' : error instanceof BackendUnavailableError ? error.name : '';
      if (kind === '') throw error;
      journal.add({ type: 'failed', at: member.now, attempt: this.#attempt, error: kind });
      if (error === CALLED_OFF) this.#left();
    } finally {
      this.place.waiting.delete(waiter);
    }
    return undefined;
  }

  /** What is known of a call from its beginning. */
  #call(attempt: string, kind = this.#kind) {
    const worker = this.place.member.settings.name;
    if (kind === 'permit') return { attempt, worker, lock: `permits of ${this.#lock}`, permits: PERMITS };
    return { attempt, worker, lock: this.#lock, ...(kind === 'shared' && { shared: true }) };
  }

  /** Some calls are called off after a time, all may be when somebody gets the lock. */
  #waiter(controller: AbortController): Waiter {
    const { member, random, waiting } = this.place;
    const { world } = member.place;
    const callOff = (at: number): void =>
      void world.at(at, member, () => {
        this.#calledOff ??= { at: member.now, paused: member.paused };
        controller.abort(CALLED_OFF);
      });
    const waiter = { lock: this.#lock, callOff: () => callOff(world.now) };
    waiting.add(waiter);
    if (random.chance(0.05)) callOff(member.now + random.skewed(0.1, this.#ttl));
    return waiter;
  }

  #left(): void {
    const { now, paused, settings, place } = this.place.member;
    place.journal.reached('waiter called off', now);
    // A grant that came too late is given back first, which the nodes' time-outs end.
    const took = this.#calledOff ? now - this.#calledOff.at - (paused - this.#calledOff.paused) : 0;
    if (took > 3 * settings.commandTimeout) place.journal.reached(STAYED, now);
  }

  #granted(lease: HeldLease): string {
    const { member } = this.place;
    const { journal } = member.place;
    const name = journal.name('lease');
    this.#signal = lease.signal;
    const grant = this.place.used(lease);
    const { pauses } = member.settings;
    // A process that is stopped right after the grant finds it over without anybody's fault.
    if (pauses.rate === 0 && member.place.time.monotonic(member.now) >= lease.monotonicDeadline)
      journal.reached(GRANTED_TOO_LATE, member.now);
    journal.add({
      type: 'granted',
      at: member.now,
      attempt: this.#attempt,
      lease: name,
      ttl: this.#ttl,
      token: lease.fencingToken,
      grant,
    });
    return name;
  }

  async #use(lease: HeldLease, name: string): Promise<void> {
    const { at } = this.place;
    at('grant and use', this.#lock);
    if (this.#kind !== 'alone') await this.#onlyWork(name);
    else if (this.#look(name)) await this.#count(lease, name);
    this.#look(name);
    const { random } = this.place;
    const downgrades = this.#kind === 'alone' && this.settings.kinds > 0 && random.chance(0.3);
    await this.#giveBack(lease, downgrades ? await this.#share(lease, name) : name);
  }

  /** Neither reads nor writes: what a storage has to do with several at a time is no matter of locks. */
  async #onlyWork(name: string): Promise<void> {
    const { member, random } = this.place;
    const end = member.now + random.skewed(0.5, this.settings.work);
    while (this.#look(name) && member.now < end)
      await member.sleep(Math.min(end - member.now, random.between(1, this.#ttl / 3)));
  }

  /** The lease is shared from then on, which is another lease to the judges. */
  async #share(lease: HeldLease, name: string): Promise<string> {
    const { member } = this.place;
    const { journal } = member.place;
    if (!lease.held) return name;
    const called = member.now;
    this.place.released(lease.grant.id, called);
    const sharing = lease.downgrade();
    journal.add({ type: 'released', at: called, lease: name, called, confirmed: 'unconfirmed' });
    const attempt = journal.name('call');
    const share = journal.name('lease');
    const [at, grant] = [member.now, this.place.used(lease)];
    journal.add({ type: 'attempt', at: called, ...this.#call(attempt, 'shared'), budget: 'once' });
    journal.add({ type: 'granted', at, attempt, lease: share, ttl: this.#ttl, grant });
    journal.reached('lease downgraded', member.now);
    try {
      await sharing;
    } catch (error) {
      if (!(error instanceof BackendUnavailableError) && !(error instanceof LeaseLostError)) throw error;
      journal.reached('downgrade not confirmed', member.now);
    }
    await this.#onlyWork(share);
    return share;
  }

  /** Reads, thinks, and writes one more. */
  async #count(lease: HeldLease, name: string): Promise<void> {
    const { member, random, at } = this.place;
    const careful = !random.chance(this.settings.careless);
    const read = await this.#onBoth({ kind: 'read' }, lease, name);
    const end = member.now + random.skewed(0.5, this.settings.work);
    while (member.now < end) {
      await member.sleep(Math.min(end - member.now, random.between(1, this.#ttl / 3)));
      if (!this.#look(name) && careful) return;
    }
    at('read and write', this.#lock);
    if (careful && !this.#look(name)) return;
    const values = read.map((reply) => (reply?.accepted === true ? reply.value + 1 : undefined));
    await this.#onBoth({ kind: 'write', values }, lease, name);
    if (!this.#look(name)) member.place.journal.reached('written after the lease was lost', member.now);
  }

  /** At the signal that was given with the lease, as a body does that hands it on. */
  #look(name: string): boolean {
    const { member } = this.place;
    const at = member.now;
    const held = this.#signal?.aborted === false;
    if (held) member.place.journal.add({ type: 'held', at, lease: name });
    return held;
  }

  async #giveBack(lease: HeldLease, name: string): Promise<void> {
    const { member, at } = this.place;
    const { journal } = member.place;
    const called = member.now;
    const lost = lease.lost;
    if (lost) {
      journal.add({ type: 'lost', at: member.now, lease: name, reason: lost.reason });
      journal.reached(`lease lost: ${lost.reason}`, member.now);
    }
    this.place.released(lease.grant.id, member.now);
    const released = lease.release();
    at('release', this.#lock);
    let confirmed: boolean | 'unconfirmed' = 'unconfirmed';
    try {
      confirmed = await released;
    } catch (error) {
      if (!(error instanceof BackendUnavailableError) && !(error instanceof LeaseLostError)) throw error;
      journal.reached('release not confirmed', member.now);
    }
    journal.add({ type: 'released', at: member.now, lease: name, called, confirmed });
  }

  /** The same on the fenced storage and on the control; what has nothing to write is left out. */
  async #onBoth(
    what: { kind: 'read' } | { kind: 'write'; values: readonly (number | undefined)[] },
    { fencingToken }: HeldLease,
    lease: string,
  ): Promise<(StorageReply | undefined)[]> {
    const storages: readonly Storage[] = this.settings.fencing ? ['control', 'fenced'] : ['control'];
    return Promise.all(
      storages.map((storage, index) => {
        const value = what.kind === 'write' ? what.values[index] : undefined;
        if (what.kind === 'write' && value === undefined) return Promise.resolve(undefined);
        const token = storage === 'fenced' ? fencingToken : undefined;
        return this.#send({ lock: this.#lock, storage, kind: what.kind, value, token }, lease);
      }),
    );
  }

  #send(request: StorageRequest, lease: string): Promise<StorageReply> {
    const { member, storage, link } = this.place;
    const { journal } = member.place;
    const operation = journal.name('operation');
    const worker = member.settings.name;
    journal.add({ type: 'invoke', at: member.now, operation, worker, ...request, lease });
    return new Promise((resolve) => {
      link.send('there', member, storage, () => {
        const reply = storage.apply(request);
        link.send('back', storage, member, () => {
          const value = request.kind === 'read' ? reply.value : undefined;
          journal.add({ type: 'return', at: member.now, operation, accepted: reply.accepted, value });
          if (!reply.accepted) journal.reached('refused by the storage', member.now);
          resolve(reply);
        });
      });
    });
  }
}

/** Why a call was called off. */
const CALLED_OFF = new Error('called off');
