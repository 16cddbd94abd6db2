import { describe, expect, it } from 'vitest';
import { Completer } from '../../lib/drivers/redis/quorum/completer.js';
import { NodeSet } from '../../lib/drivers/redis/quorum/node-set.js';
import { FakeClock } from '../support/fake-clock.js';

describe('what completes leases on the nodes that they lack', () => {
  it('sets no timer once it is stopped, also for what a node answers only then', async () => {
    const clock = new FakeClock();
    const completer = new Completer(new NodeSet([], clock), clock, 100);
    const done: string[] = [];
    completer.later(10, () => done.push('before'));
    await clock.advance(10);
    completer.later(10, () => done.push('under way'));
    completer.stop();
    completer.later(10, () => done.push('after'));
    await clock.advance(100);
    expect(done).toEqual(['before']);
  });
});
