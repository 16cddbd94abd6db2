import { expect, it } from 'vitest';
import { ElectionBench, TTL } from '../support/election-bench.js';
import { settled } from '../support/fake-clock.js';

const ENDS: Record<string, (bench: ElectionBench) => unknown> = {
  resigned: ({ election }) => election.resign(),
  'broken by another member': async ({ driver, clock }) => {
    await driver.break('election:quota');
    await clock.advance(TTL / 2);
  },
  'over, and seen to be by the timer': async ({ driver, clock }) => {
    driver.goDown();
    await clock.advance(TTL);
  },
  'over, and seen to be by a look at the flag': ({ clock, election }) => {
    clock.block(TTL);
    return election.isLeader;
  },
  'over, and seen to be by a look at the signal': ({ clock, elections }) => {
    const { signal } = elections.leadershipOf('quota')!;
    clock.block(TTL);
    return signal.aborted;
  },
  'ended by the stop of its coordinator': ({ elections }) => elections.leave(),
};

it.each(Object.keys(ENDS))(
  'a term that is %s: the flag is off, the signal aborts for all its listeners, @OnDemoted is called, the lock is given back',
  async (how) => {
    const bench = new ElectionBench();
    const order: string[] = [];
    const note = (what: string): void => {
      order.push(
        `${what}, flag ${bench.election.isLeader ? 'on' : 'off'}, lock given back ${bench.driver.count('release')} times`,
      );
    };
    let finish!: () => void;
    const demoted = new Promise<void>((resolve) => (finish = resolve));
    bench.elections.stand('quota', [
      {
        when: 'elected',
        label: 'elected',
        call: ({ signal }) => {
          for (const listener of ['first', 'second', 'third'])
            signal.addEventListener('abort', () => note(listener));
        },
      },
      ...['OnDemoted', 'another OnDemoted'].map((label) => ({
        when: 'demoted' as const,
        label,
        call: () => {
          note(label);
          return demoted;
        },
      })),
    ]);
    await settled();
    expect(bench.election.isLeader).toBe(true);
    void ENDS[how]!(bench);
    await settled();
    await bench.clock.advance(TTL);
    const before = 'flag off, lock given back 0 times';
    expect(order).toEqual(
      ['first', 'second', 'third', 'OnDemoted', 'another OnDemoted'].map((what) => `${what}, ${before}`),
    );
    finish();
    await settled();
    expect(bench.driver.count('release')).toBe(1);
  },
);
