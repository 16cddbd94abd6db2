import { describe, expect, it } from 'vitest';
import { postgresBin } from '../../support/postgres-programs.js';
import { FileStage } from './file-stage.js';
import { PostgresStage } from './postgres-stage.js';
import { RedisStage } from './redis-stage.js';
import type { Stage } from './stage.js';

const TERMS = { workers: 1, maxTtl: 1000 };

const STAGES: Record<string, () => Promise<Stage>> = {
  files: () => FileStage.start(),
  Redis: () => RedisStage.start({ nodes: 1, ...TERMS }),
  ...(postgresBin() !== undefined && { PostgreSQL: () => PostgresStage.start(TERMS) }),
};

// On a busy machine a run may end before any worker has reached the back end.
describe.each(Object.entries(STAGES))('on %s', (_name, start) => {
  it('nothing is left over where no worker has been', async () => {
    const stage = await start();
    try {
      const found = [...(await stage.leftovers('idle')), ...(await stage.leftovers('ended'))];
      // What ends by itself is not left over.
      expect(found.filter(({ ttl }) => ttl === undefined)).toEqual([]);
    } finally {
      await stage.stop();
    }
  });
});
