import { describe, expect, it } from 'vitest';
import { inspectLocks } from '../../../lib/inspection/inspect-locks.js';
import type { Source } from '../../../lib/inspection/source.js';
import type { ToldMember } from '../../../lib/inspection/told.js';
import { systemClock } from '../../../lib/common/clock.js';

/** A member that holds the semaphore since then. */
function holderOf(memberId: string, since: number): ToldMember {
  const leases = [{ name: 'exports', id: `of-${memberId}`, since, shared: true as const }];
  return {
    memberId,
    incarnation: memberId,
    held: 1,
    waiting: 1,
    leases,
    waits: [{ name: 'exports', since }],
  };
}

/** What is seen when the back end tells the holders in this order. */
async function seen(members: readonly ToldMember[]): Promise<readonly (string | undefined)[][]> {
  const silent = { name: 'exports', key: 'exports', id: 'of-nobody', holds: 'yes' };
  const told = members.map(({ memberId }) => ({ ...silent, id: `of-${memberId}` }));
  const records = members.map((member) => ({
    key: member.memberId,
    value: JSON.stringify(member),
    version: 1,
  }));
  const source = {
    locks: { list: () => Promise.resolve([silent, ...told]), holders: () => Promise.resolve([]) },
    records: { list: () => Promise.resolve(records) },
    prefix: '',
    clock: systemClock,
    memberId: 'looks',
  } as unknown as Source;
  const [lock] = await inspectLocks(source);
  return [lock?.holders ?? [], lock?.waiters ?? []].map((all) => all.map(({ memberId }) => memberId));
}

describe('the order of those who hold a lock, and of those who wait', () => {
  const [a, b, late] = [holderOf('a', 1000), holderOf('b', 1000), holderOf('0', 1001)];

  it('is that of their beginnings, and within a millisecond that of their ids', async () => {
    for (const members of [
      [a, b, late],
      [late, b, a],
      [b, late, a],
    ])
      expect(await seen(members)).toEqual([
        ['a', 'b', '0', undefined],
        ['a', 'b', '0'],
      ]);
  });
});
