import { describe, expect, it } from 'vitest';
import { Tally } from '../checker/index.js';
import { runSeed } from './run-seed.js';
import type { Campaign } from './scenario.js';
import { THOROUGH } from '../../support/thorough.js';

/** Of each campaign; `npm run simulate` runs as many as wanted. */
const SEEDS = THOROUGH ? 200 : 10;
const MOST_SEEDS = 200;

/**
 * @param first the number of the first seed
 * @param enough more than those seeds run until it says so
 */
async function run(
  campaign: Campaign,
  first = 1,
  enough: (tally: Tally) => boolean = () => true,
): Promise<Tally> {
  const tally = new Tally();
  for (let count = 0; count < SEEDS || (count < MOST_SEEDS && !enough(tally)); count += 1) {
    const { history, violations } = await runSeed(first + count, campaign);
    tally.add(String(first + count), history, violations);
  }
  return tally;
}

// Nothing but work, and so as slow as the machine is busy.
describe('the simulation', { timeout: 300_000 }, () => {
  it('finds no violation inside of the assumptions', async () => {
    const tally = await run(1);
    expect(tally.violations, tally.text('Campaign 1')).toBe(0);
    // A quiet run would show nothing.
    expect(tally.leases).toBeGreaterThan(10 * SEEDS);
    // Rare states need the many seeds.
    if (!THOROUGH) return;
    for (const state of [
      'late holder beside the next one',
      'node in quarantine',
      'acquisition refused because it came too late',
      'acquisition refused by the node’s record',
      'lease lost: expired',
      'struck at votes',
      'waiter called off',
      'lock broken',
      'lease completed',
      'lease counted on all nodes',
      'start refused: another list',
      'new list of nodes in use',
      'queue: granted',
      'lease downgraded',
      'queue: passed over',
      'several locks held',
      'lease on several lost: max-hold',
      'lease left behind',
      'leader elected',
      'leader resigned',
      'leader asked to resign',
      'leadership lost: expired',
      'tick run',
      'tick skipped: done',
      'tick skipped: locked',
      'tick skipped: backend',
      'lost run repeated',
      'run lost its lease',
    ])
      expect(tally.reached(state), tally.text(state)).toBeGreaterThan(0);
  });

  it('loses no update with fencing whatever happens, and some without', async () => {
    // Few seeds show what happens without fencing: one of the first after this one does.
    const tally = await run(2, THOROUGH ? 1 : 120, ({ lostByControl }) => lostByControl > 0);
    expect(tally.violations, tally.text('Campaign 2')).toBe(0);
    expect(tally.lostByControl, tally.text('Campaign 2')).toBeGreaterThan(0);
    if (THOROUGH) expect(tally.reached('refused by the storage')).toBeGreaterThan(0);
  });

  it('replays a seed to the last digit', async () => {
    for (const seed of [3, 4, 5]) {
      const [once, again, other] = [await runSeed(seed, 2), await runSeed(seed, 2), await runSeed(seed, 1)];
      expect(again.hash()).toBe(once.hash());
      expect(other.hash()).not.toBe(once.hash());
    }
  });
});
