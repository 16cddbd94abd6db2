import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { THOROUGH } from '../../support/thorough.js';
import { runGuard } from './campaign.js';
import { ISOLATIONS, TOOLS } from './terms.js';

/* `npm run guard` in short. */

describe.skipIf(postgresBin() === undefined)('transactions of holders that are stopped', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start();
  });

  afterAll(() => server.stop());

  it('lose updates without a guard', { timeout: 180_000 }, async () => {
    // In READ COMMITTED: elsewhere PostgreSQL itself refuses most of them.
    let lost = 0;
    for (let tries = 0; lost === 0 && tries < 10; tries += 1)
      ({ lost } = await runGuard(server, {
        tool: 'pg',
        isolation: 'READ COMMITTED',
        guarded: false,
        seconds: 4,
      }));
    expect(lost).toBeGreaterThan(0);
  });

  // Without a guard most are lost in the first of them.
  it.each(
    ISOLATIONS.slice(0, THOROUGH ? ISOLATIONS.length : 1).map(
      (isolation, index) => [TOOLS[index % TOOLS.length]!, isolation] as const,
    ),
  )('lose none with it, by %s in %s', { timeout: 120_000 }, async (tool, isolation) => {
    const report = await runGuard(server, { tool, isolation, guarded: true, seconds: 4 });
    expect(report.lost).toBe(0);
    expect(report.commits).toBeGreaterThan(0);
  });
});
