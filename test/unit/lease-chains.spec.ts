import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { firstValueFrom, Observable, of, repeat, takeLast } from 'rxjs';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CoordinationModule,
  currentLease,
  type Lease,
  Limited,
  NotLockedError,
  RunOnce,
  Synchronized,
} from '../../lib/index.js';
import { Lock } from '../../lib/lock/lock.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';

const CALLS = 300;

/** As many contexts as are kept, and what the engine has not let go of yet. */
const MOST_ALIVE = 40;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Leases that were seen, as far as anything still reaches them. */
class Seen {
  readonly #leases: WeakRef<Lease>[] = [];

  note(): void {
    const lease = currentLease();
    if (!lease) throw new Error('the body runs under no lease');
    // Its listeners run in the async context in which it is read.
    void lease.signal;
    this.#leases.push(new WeakRef(lease));
  }

  get count(): number {
    return this.#leases.length;
  }

  async alive(): Promise<number> {
    // What a WeakRef gives is kept until the turn of the event loop has ended.
    await turn();
    collect();
    await turn();
    collect();
    return this.#leases.filter((lease) => lease.deref() !== undefined).length;
  }
}

/** Calls that each begin the next one; `alive` resolves, begun by the last of them, with how many leases are alive. */
class Loop {
  readonly seen = new Seen();
  #alive!: (alive: number) => void;
  readonly alive = new Promise<number>((resolve) => (this.#alive = resolve));

  /** @returns whether another call is to come */
  goesOn(): boolean {
    this.seen.note();
    if (this.seen.count < CALLS) return true;
    void this.seen.alive().then(this.#alive);
    return false;
  }
}

@Injectable()
class Poller {
  loop = new Loop();

  @Synchronized('poll')
  async byTimer(): Promise<void> {
    if (this.loop.goesOn()) setImmediate(() => void this.byTimer());
  }

  @Synchronized('poll')
  async besideItself(): Promise<void> {
    if (this.loop.goesOn()) void this.besideItself();
  }

  /** The next one begins while the lease of this one is held. */
  @Synchronized('poll-<call>')
  async ofOtherNames(call: number): Promise<void> {
    if (!this.loop.goesOn()) return;
    await turn();
    void this.ofOtherNames(call + 1);
    await turn();
  }

  @Limited('poll', 2)
  async underPermits(): Promise<void> {
    if (this.loop.goesOn()) setImmediate(() => void this.underPermits());
  }

  @Synchronized(['poll-a', 'poll-b'])
  async ofSeveral(): Promise<void> {
    if (this.loop.goesOn()) setImmediate(() => void this.ofSeveral());
  }

  @RunOnce({ name: 'poll', every: '1h' })
  async job(): Promise<void> {
    if (this.loop.goesOn()) setImmediate(() => void this.job());
  }

  @Synchronized('poll')
  watch(): Observable<boolean> {
    return of(this.loop.goesOn());
  }
}

describe('a method that calls itself anew without an end keeps few of its leases', () => {
  let close = async (): Promise<void> => undefined;
  afterEach(() => close());

  async function poller(): Promise<Poller> {
    const module = await Test.createTestingModule({
      imports: [CoordinationModule.forRoot({ backendUrl: `memory:${Math.random()}` })],
      providers: [Poller],
    }).compile();
    await module.init();
    close = () => module.close();
    return module.get(Poller);
  }

  it.each(['byTimer', 'besideItself', 'underPermits', 'ofSeveral', 'job'] as const)('%s', async (method) => {
    const made = await poller();
    void made[method]();
    expect(await made.loop.alive).toBeLessThan(MOST_ALIVE);
  });

  it('ofOtherNames', async () => {
    const made = await poller();
    void made.ofOtherNames(1);
    expect(await made.loop.alive).toBeLessThan(MOST_ALIVE);
  });

  it('an Observable that repeats', async () => {
    const made = await poller();
    await firstValueFrom(made.watch().pipe(repeat(CALLS), takeLast(1)));
    expect(await made.loop.alive).toBeLessThan(MOST_ALIVE);
  });

  it('inside of one that is held', async () => {
    const bench = new LockManagerBench();
    const loop = new Loop();
    await new Lock('outside', {}, bench).using(async (outside) => {
      const inside = async (): Promise<void> =>
        new Lock('outside', {}, bench, { reentrant: true }).using(() => {
          if (loop.goesOn()) setImmediate(() => void inside());
        });
      void inside();
      expect(await loop.alive).toBeLessThan(MOST_ALIVE);
      expect(currentLease()).toBe(outside);
    });
    await bench.manager.stop(0);
  });
});

describe('work that has outlived the latest leases of its callers', () => {
  it('is refused by a re-entrant lock of any of the 16 latest', async () => {
    const bench = new LockManagerBench();
    const refused: unknown[] = [];
    const enter = (name: number): Promise<unknown> =>
      new Lock(`lock-${name}`, {}, bench, { reentrant: true }).hold({ blocking: false });
    // Each one is begun by one that has ended, and the last one asks for the locks of all before it.
    await new Promise<void>((resolve, reject) => {
      const next = (name: number): void =>
        void new Lock(`lock-${name}`, {}, bench)
          .using(
            () => void setImmediate(() => (name < 40 ? next(name + 1) : void ask().then(resolve, reject))),
          )
          .catch(reject);
      const ask = async (): Promise<void> => {
        for (let name = 40; name > 24; name -= 1)
          refused.push(await enter(name).catch((error: unknown) => error));
      };
      next(1);
    });
    expect(refused).toHaveLength(16);
    expect(refused.every((error) => error instanceof NotLockedError)).toBe(true);
    await bench.manager.stop(0);
  });
});
