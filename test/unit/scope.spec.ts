import { EventEmitter } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { LeaseLostError, LockAcquireFailedError } from '../../lib/errors.js';
import type { SynchronizedDefinition } from '../../lib/synchronized/definition/definition.js';
import { Client } from '../../lib/synchronized/scope/client.js';
import { Scope } from '../../lib/synchronized/scope/scope.js';
import { Gate } from '../e2e/synchronized/fixtures/gate.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

/** A response, as far as a call looks at it. */
class Response extends EventEmitter {
  closed = false;
  writableEnded = false;

  leave(): void {
    this.closed = true;
    this.emit('close');
  }
}

const definition: SynchronizedDefinition = {
  label: 'Shares.extend',
  origin: {},
  options: {},
  returns: 'promise',
  constant: false,
  takesResponse: false,
  nameOf: (_self, [name]) => String(name),
};

function opened(over: Partial<SynchronizedDefinition> = {}) {
  const bench = new LockManagerBench();
  const response = new Response();
  const client = new Client(response, undefined);
  const scope = new Scope({ ...definition, ...over }, bench, client);
  const enter = (body: () => unknown, name = 'lock') => outcomeOf(scope.enter(undefined, [name], body));
  return { bench, response, scope, enter };
}

/** Lets everything go on that can without the test. */
async function settle(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

describe('a call of a handler', () => {
  it('makes no AbortController and no error, and does not listen to its client, while nobody is in its way', async () => {
    const { bench, response, scope, enter } = opened();
    const controllers = vi.spyOn(globalThis, 'AbortController');
    const stacks = vi.spyOn(Error, 'captureStackTrace');
    const notRun = vi.spyOn(LockAcquireFailedError.prototype, 'initMessage');
    try {
      let listeners = -1;
      const entered = enter(() => (listeners = response.listenerCount('close')));
      await settle();
      await scope.end();
      expect(entered).toMatchObject({ state: 'resolved', value: 0 });
      expect([listeners, bench.driver.holders.size]).toEqual([0, 0]);
      expect(controllers).not.toHaveBeenCalled();
      expect([stacks.mock.calls, notRun.mock.calls]).toEqual([[], []]);
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('listens to its client while it waits, and gives its place up when it leaves', async () => {
    const { bench, response, scope, enter } = opened();
    bench.driver.takeAway('lock');
    const entered = enter(() => expect.unreachable());
    await settle();
    expect(response.listenerCount('close')).toBe(1);
    response.leave();
    await settle();
    expect(entered.error).toBeInstanceOf(LockAcquireFailedError);
    expect([response.listenerCount('close'), bench.driver.watchers]).toEqual([0, 0]);
    await scope.end();
  });

  it('gives back what a try brings whose client has left meanwhile', async () => {
    const { bench, response, scope, enter } = opened();
    const late = bench.driver.delay('acquire');
    const entered = enter(() => expect.unreachable());
    await settle();
    expect(response.listenerCount('close')).toBe(0);
    response.leave();
    late.answer();
    await settle();
    expect(entered.error).toBeInstanceOf(LockAcquireFailedError);
    expect(bench.driver.holders.size).toBe(0);
    await scope.end();
  });

  it('ends at once when it is given up during a try, and gives back what that brings', async () => {
    const { bench, scope, enter } = opened();
    const late = bench.driver.delay('acquire');
    const entered = enter(() => expect.unreachable());
    const ended = outcomeOf(scope.end());
    await settle();
    expect([ended.state, entered.state]).toEqual(['resolved', 'rejected']);
    late.answer();
    await settle();
    expect(bench.driver.holders.size).toBe(0);
  });

  it('ends before the body that still runs, and gives the lock back after it', async () => {
    const { bench, scope, enter } = opened();
    const gate = new Gate();
    const entered = enter(() => gate.pass());
    await gate.reached;
    const ended = outcomeOf(scope.end());
    await settle();
    expect([ended.state, entered.state, bench.driver.holders.size]).toEqual(['resolved', 'pending', 1]);
    gate.open();
    await settle();
    expect([entered.state, bench.driver.holders.size]).toEqual(['resolved', 0]);
    expect(scope.end()).toBe(scope.end());
    expect(bench.driver.count('release')).toBe(1);
  });

  it('runs the last of three tries after the body of the first, and the one between not at all', async () => {
    const { bench, scope, enter } = opened();
    const gate = new Gate();
    const first = enter(() => gate.pass());
    await gate.reached;
    const second = enter(() => expect.unreachable());
    const third = enter(() => bench.driver.holders.size);
    await settle();
    expect([second.state, third.state]).toEqual(['pending', 'pending']);
    gate.open();
    await settle();
    expect([first.state, String(second.error)]).toEqual(['resolved', expect.stringMatching('tried again')]);
    expect(third).toMatchObject({ state: 'resolved', value: 1 });
    await scope.end();
    expect(bench.driver.count('acquire')).toBe(1);
  });

  it('does not run a try that waited for a body when the call has ended meanwhile', async () => {
    const { bench, scope, enter } = opened();
    const gate = new Gate();
    enter(() => gate.pass());
    await gate.reached;
    const second = enter(() => expect.unreachable());
    await scope.end();
    gate.open();
    await settle();
    expect(second.error).toBeInstanceOf(LockAcquireFailedError);
    expect(bench.driver.holders.size).toBe(0);
  });

  it('asks again for a lock that was not to be had', async () => {
    const { bench, scope, enter } = opened({ options: { blocking: false } });
    bench.driver.takeAway('lock');
    const first = enter(() => expect.unreachable());
    await settle();
    expect(first.error).toBeInstanceOf(LockAcquireFailedError);
    bench.driver.free('lock');
    const second = enter(() => 'ran');
    await settle();
    expect(second.value).toBe('ran');
    await scope.end();
    expect(bench.driver.holders.size).toBe(0);
  });

  it('gives all its locks back, also one that is still being asked for', async () => {
    const { bench, scope, enter } = opened();
    enter(() => 'a', 'a');
    enter(() => 'b', 'b');
    await settle();
    const late = bench.driver.delay('acquire');
    const third = enter(() => expect.unreachable(), 'c');
    await scope.end();
    expect(third.state).toBe('rejected');
    late.answer();
    await settle();
    expect([...bench.driver.holders.keys()]).toEqual([]);
  });

  it('tells which of its leases was lost', async () => {
    const { bench, scope, enter } = opened();
    enter(() => 'a', 'a');
    enter(() => 'b', 'b');
    await settle();
    expect(scope.lost).toBeUndefined();
    bench.clock.block(20_000);
    expect(scope.lost).toBeInstanceOf(LeaseLostError);
    await scope.end();
  });
});

/** What may happen to a call, in any order, at any step. */
const EVENTS = ['enter', 'enter', 'enter other', 'body ends', 'body fails', 'leave', 'end', 'free', 'answer'];

/** As many steps of promises as one of the awaits of a call takes, and more. */
const STEPS = 12;

describe('a call to which everything happens in any order', () => {
  it.each(Array.from({ length: 400 }, (_, seed) => seed))('keeps its promises: seed %i', async (seed) => {
    const random = randomFrom(seed);
    const { bench, response, scope } = opened();
    const gates: { name: string; settle: (error?: Error) => void }[] = [];
    const running = new Map<string, number>();
    let over = false;
    const outcomes: ReturnType<typeof outcomeOf>[] = [];
    const broken: string[] = [];
    if (random(3) === 0) bench.driver.takeAway('lock');
    const late = random(3) === 0 ? bench.driver.delay('acquire') : undefined;
    const body = (name: string) => (): Promise<void> => {
      if (over) broken.push('a body began after the end');
      if (running.get(name)) broken.push('two bodies at once');
      running.set(name, 1);
      return new Promise((resolve, reject) => {
        gates.push({
          name,
          settle: (error) => {
            if (bench.driver.holders.get(name)?.id.startsWith('grant') !== true)
              broken.push('the lock was given back under a body');
            running.set(name, 0);
            if (error) reject(error);
            else resolve();
          },
        });
      });
    };
    const enter = (name: string): void => {
      outcomes.push(outcomeOf(scope.enter(undefined, [name], body(name))));
    };
    const happen = (event: string | undefined): void => {
      if (event === 'enter') enter('lock');
      else if (event === 'enter other') enter('other');
      else if (event === 'body ends') gates.shift()?.settle();
      else if (event === 'body fails') gates.shift()?.settle(new Error('failed'));
      else if (event === 'leave') {
        over = true;
        if (random(2) === 0) response.leave();
        else response.closed = true;
      } else if (event === 'end') {
        over = true;
        void scope.end();
      } else if (event === 'free' && bench.driver.holders.get('lock')?.id === 'foreign')
        bench.driver.free('lock');
      else if (event === 'answer') late?.answer();
    };
    for (let step = 0; step < 14; step += 1) {
      happen(EVENTS[random(EVENTS.length)]);
      for (let left = random(STEPS); left > 0; left -= 1) await Promise.resolve();
    }
    over = true;
    const ended = outcomeOf(scope.end());
    late?.answer();
    if (bench.driver.holders.get('lock')?.id === 'foreign') bench.driver.free('lock');
    await settle();
    while (gates.length > 0) {
      gates.shift()?.settle();
      await settle();
    }
    expect(broken).toEqual([]);
    expect(outcomes.filter(({ state }) => state === 'pending')).toEqual([]);
    expect(ended.state).toBe('resolved');
    expect([...bench.driver.holders.keys()]).toEqual([]);
    expect([response.listenerCount('close'), bench.driver.watchers]).toEqual([0, 0]);
    expect(bench.manager.usage).toEqual({ held: 0, waiting: 0 });
  });
});

/** Numbers below `limit`, the same ones for the same seed. https://en.wikipedia.org/wiki/Linear_congruential_generator */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed * 7919 + 1;
  return (limit) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * limit);
  };
}
