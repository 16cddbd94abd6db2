import { describe, expect, it } from 'vitest';
import { Poller, type Seen } from '../../../lib/dashboard/poller.js';
import { FakeClock } from '../../support/fake-clock.js';

/** A back end that counts how often it is asked, and takes as long as it is told. */
class CountedSource {
  polls = 0;
  takes = 0;
  error?: Error;

  constructor(private readonly clock: FakeClock) {}

  async locks(): Promise<[]> {
    this.polls += 1;
    if (this.error) throw this.error;
    if (this.takes > 0) await new Promise<void>((done) => void this.clock.setTimer(this.takes, done));
    return [];
  }

  members = (): Promise<[]> => Promise.resolve([]);
  jobs = (): Promise<[]> => Promise.resolve([]);
}

function setUp(): { clock: FakeClock; source: CountedSource; poller: Poller } {
  const clock = new FakeClock();
  const source = new CountedSource(clock);
  return { clock, source, poller: new Poller(source, clock, () => undefined) };
}

describe('the poll of the back end', () => {
  it('asks nothing while nobody looks, and keeps no timer', async () => {
    const { clock, source, poller } = setUp();
    await clock.advance(60_000);
    expect([source.polls, clock.timers]).toEqual([0, 0]);
    const leave = poller.look(() => undefined);
    await clock.advance(2500);
    expect(source.polls).toBe(3);
    leave();
    expect([poller.viewers, clock.timers]).toEqual([0, 0]);
    await clock.advance(60_000);
    expect(source.polls).toBe(3);
  });

  it('asks once a second for all who look, and for those who ask for data', async () => {
    const { clock, source, poller } = setUp();
    const seen: Seen[][] = [[], [], []];
    for (const list of seen) poller.look((each) => list.push(each));
    await clock.advance(0);
    await Promise.all([poller.latest(), poller.latest()]);
    expect(source.polls).toBe(1);
    await clock.advance(10_000);
    await poller.latest();
    expect(source.polls).toBe(11);
    expect(seen.map((list) => list.length)).toEqual([11, 11, 11]);
  });

  it('shares one request among those who come while it is under way', async () => {
    const { clock, source, poller } = setUp();
    source.takes = 300;
    const answers = Promise.all([poller.latest(), poller.latest()]);
    poller.look(() => undefined);
    await clock.advance(300);
    await answers;
    expect(source.polls).toBe(1);
  });

  it('tells a newcomer at once what is not a second old', async () => {
    const { clock, poller } = setUp();
    poller.look(() => undefined);
    await clock.advance(1500);
    let told = 0;
    poller.look(() => (told += 1));
    expect(told).toBe(1);
  });

  it('asks a slow back end less often', async () => {
    const { clock, source, poller } = setUp();
    source.takes = 1000;
    poller.look(() => undefined);
    await clock.advance(16_000);
    expect(source.polls).toBeLessThanOrEqual(5);
  });

  it('goes on through a failure, with what was known before', async () => {
    const { clock, source, poller } = setUp();
    const seen: Seen[] = [];
    poller.look((each) => seen.push(each));
    await clock.advance(0);
    source.error = new Error('no answer');
    await clock.advance(1000);
    source.error = undefined;
    await clock.advance(1000);
    expect(seen.map(({ facts, problem }) => [facts !== undefined, problem?.message])).toEqual([
      [true, undefined],
      [true, 'no answer'],
      [true, undefined],
    ]);
  });

  it('goes on for one who came while the last one left in the middle of a request', async () => {
    const { clock, source, poller } = setUp();
    source.takes = 200;
    const leave = poller.look(() => undefined);
    await clock.advance(100);
    leave();
    let told = 0;
    poller.look(() => (told += 1));
    await clock.advance(3000);
    expect(told).toBeGreaterThanOrEqual(2);
    expect(source.polls).toBeLessThanOrEqual(4);
  });

  it('asks at once after something was changed', async () => {
    const { clock, source, poller } = setUp();
    await poller.latest();
    poller.expire();
    await poller.latest();
    expect(source.polls).toBe(2);
    expect(clock.timers).toBe(0);
  });
});
