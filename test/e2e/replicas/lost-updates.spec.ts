import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BACKENDS, cleanUp, FOR_MANY_PROCESSES, scratchDirectory } from './backends.js';
import { unlessStarved } from './unless-starved.js';
import { Replica } from './replica.js';

const REPLICAS = 2;
const WORKERS = 4;
const TIMES = 250;

/** What stands in the file after every worker of every replica has counted. */
async function countTogether(backendUrl: string, locked: boolean): Promise<number> {
  const file = join(await scratchDirectory(), 'counter');
  await writeFile(file, '0');
  const replicas = await Promise.all(Array.from({ length: REPLICAS }, () => Replica.start(backendUrl)));
  try {
    const command = { do: 'count', file, workers: WORKERS, times: TIMES, locked } as const;
    await Promise.all(replicas.map((replica) => replica.run(command)));
  } finally {
    await Promise.all(replicas.map((replica) => replica.process.kill()));
  }
  return Number(await readFile(file, 'utf8'));
}

describe('two replicas with four workers each', () => {
  afterAll(cleanUp);

  it.each(Object.entries(FOR_MANY_PROCESSES))(
    'lose no increment under @Synchronized on %s',
    async (_name, start) => {
      const backendUrl = await start();
      expect(await unlessStarved(() => countTogether(backendUrl, true))).toBe(REPLICAS * WORKERS * TIMES);
    },
    180_000,
  );

  it('lose some with locking off, so that the other tests can fail', async () => {
    expect(await countTogether(await BACKENDS['a file back end']!(), false)).toBeLessThan(
      REPLICAS * WORKERS * TIMES,
    );
  });
});
