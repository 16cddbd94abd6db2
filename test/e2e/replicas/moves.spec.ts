import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { THOROUGH } from '../../support/thorough.js';
import { startCluster } from '../../support/redis-deployments.js';
import { forkFixture } from '../../support/processes.js';
import { BACKENDS, cleanUp, ONE_OF_EACH_KIND, scratchDirectory } from './backends.js';
import { unlessStarved } from './unless-starved.js';
import type { MoveCommand } from './fixtures/mover.fixture.js';

const SHARES = 10;
const REPLICAS = 4;
const WORKERS = 50;
const AMOUNT = 100;

const MOVED_ON = {
  ...(THOROUGH ? ONE_OF_EACH_KIND : { 'a file back end': BACKENDS['a file back end']! }),
  'a Redis Cluster': async () => (await startCluster()).url,
};

describe('50 workers in each of 4 replicas that move between 10 shares, in any order', () => {
  afterAll(cleanUp);

  const runMoves = async (
    backendUrl: string,
    how: Pick<MoveCommand, 'moves' | 'locked'>,
  ): Promise<number> => {
    const directory = await scratchDirectory();
    const files = Array.from({ length: SHARES }, (_, share) => join(directory, String(share)));
    await Promise.all(files.map((file) => writeFile(file, String(AMOUNT))));
    const starting = Array.from({ length: REPLICAS }, () =>
      forkFixture(new URL('./fixtures/mover.fixture.ts', import.meta.url), {
        env: { COORDINATION_BACKEND_URL: backendUrl },
      }),
    );
    const replicas = await Promise.all(starting);
    try {
      await Promise.all(replicas.map((replica) => replica.receive((message) => message === 'ready')));
      const command: MoveCommand = { directory, shares: SHARES, workers: WORKERS, ...how };
      const ends = replicas.map(async (replica) => {
        replica.send(command);
        const end = await replica.receive((message) => message !== 'ready', 120_000);
        if (end !== 'done') throw new Error(inspect(end));
      });
      await Promise.all(ends);
    } finally {
      await Promise.all(replicas.map((replica) => replica.kill()));
    }
    const amounts = await Promise.all(files.map(async (file) => Number(await readFile(file, 'utf8'))));
    return amounts.reduce((sum, amount) => sum + amount, 0);
  };

  it('lose amounts without locks, so that this would be seen', async () => {
    expect(await runMoves('memory:', { moves: 5, locked: false })).not.toBe(SHARES * AMOUNT);
  });

  it.each(Object.entries(MOVED_ON))('finish, and lose nothing, on %s', async (_backend, begin) => {
    const backendUrl = await begin();
    const run = (): Promise<number> => runMoves(backendUrl, { moves: 5, locked: true });
    expect(await unlessStarved(run)).toBe(SHARES * AMOUNT);
  });
});
