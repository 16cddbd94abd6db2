import { describe, expect, it } from 'vitest';
import type { Tally, Violation } from '../checker/index.js';
import { type CampaignReport, runCampaign } from './campaign.js';
import { type Backend, BACKENDS, type Campaign } from './faults.js';
import { THOROUGH } from '../../support/thorough.js';
import { postgresBin } from '../../support/postgres-programs.js';

/* The fault suite in short; `npm run faults` has the same in long. What a failure needs to be seen again is its seed. */

const SEED = 'short';

async function runShortly(
  backend: Backend,
  campaign: Campaign,
  enough: (tally: Tally) => boolean,
): Promise<CampaignReport & { readonly violations: readonly Violation[] }> {
  const violations: Violation[] = [];
  const report = await runCampaign({
    backend,
    campaign,
    seed: SEED,
    nodes: 3,
    enough,
    limit: 120_000,
    runLength: 5000,
    onRun: (run) => violations.push(...run.violations),
  });
  return { ...report, violations: [...violations, ...report.ending] };
}

/** The second campaign shows elsewhere what it shows on Redis. */
const hasSecond = (backend: Backend): boolean => THOROUGH || backend === 'redis';

/** What differs on PostgreSQL has tests of its own. */
const isTried = (backend: Backend): boolean =>
  backend !== 'postgres' || (THOROUGH && postgresBin() !== undefined);

describe.each<Backend>(BACKENDS.filter(isTried))('on %s, under faults', (backend) => {
  it('nothing at all goes wrong as long as the assumptions hold', { timeout: 300_000 }, async () => {
    const { tally, violations } = await runShortly(backend, 'inside', ({ leases }) => leases > 0);
    expect(violations).toEqual([]);
    expect(tally.leases).toBeGreaterThan(0);
  });

  it.runIf(hasSecond(backend))(
    'no token goes back and no fenced update is lost whatever happens, unlike without fencing',
    { timeout: 300_000 },
    async () => {
      // On a busy machine one run may be too quiet to show anything.
      const telling = (tally: Tally): boolean =>
        tally.reached('holder overtaken between read and write') > 0 && tally.lostByControl > 0;
      const { tally, violations } = await runShortly(backend, 'everything', telling);
      expect(violations).toEqual([]);
      expect(telling(tally), tally.text('Campaign 2')).toBe(true);
    },
  );
});
