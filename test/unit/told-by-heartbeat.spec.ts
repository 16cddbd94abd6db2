import { describe, expect, it } from 'vitest';
import { Snapshots } from '../../lib/inspection/snapshot.js';
import type { Companion } from '../../lib/lock/renewal/index.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';

describe('what a member tells with its heartbeat', () => {
  it('is the oldest of many leases, and how many there are', async () => {
    const bench = new LockManagerBench();
    const leases = [];
    for (let index = 0; index < 12; index += 1) {
      leases.push(await bench.take({ name: `share-${index}` }));
      await bench.clock.advance(10);
    }
    // They stand in no order from now on: the last one has the place of the first.
    await leases[0]!.release();
    leases.push(await bench.take({ name: 'share-12' }));
    const told = new Snapshots(bench.manager).take(4);
    expect(told.leases.map(({ name }) => name)).toEqual(['share-1', 'share-2', 'share-3', 'share-4']);
    expect([told.held, told.waiting]).toEqual([12, 0]);
    const all = new Snapshots(bench.manager).take();
    expect(all.leases.map(({ name }) => name)).toEqual(leases.slice(1).map(({ name }) => name));
  });

  it.each([
    ['never ends', () => new Promise<void>(() => undefined), 0],
    ['fails', () => Promise.reject(new Error('no room')), 3],
  ])('delays no heartbeat, and ends none, when it %s', async (_what, onBeat, warned) => {
    const bench = new LockManagerBench({ ttl: 3000, heartbeat: 1000 });
    await bench.manager.start();
    let beats = 0;
    const companion: Companion = {
      onBeat: () => {
        beats += 1;
        return onBeat();
      },
      onStop: () => Promise.resolve(),
    };
    bench.manager.accompany(companion);
    const ages: number[] = [];
    for (let beat = 0; beat < 3; beat += 1) {
      await bench.clock.advance(1000);
      ages.push(bench.manager.heartbeatAge);
    }
    expect(ages).toEqual([0, 0, 0]);
    // One that is still at it is not asked again.
    expect(beats).toBe(warned === 0 ? 1 : 3);
    expect(bench.warnings.filter((line) => line.includes('holds: Error: no room'))).toHaveLength(warned);
  });
});
