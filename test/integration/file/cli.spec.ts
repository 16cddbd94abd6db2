import { THOROUGH } from '../../support/thorough.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { describeCli } from '../../support/cli-suite.js';

let directory = '';

// The short form has them on Redis.
describe.runIf(THOROUGH)('with files,', () => {
  describeCli('files', {
    begin: async () => {
      directory = await mkdtemp(join(tmpdir(), 'cli-'));
      return `file://${directory}`;
    },
    end: () => rm(directory, { recursive: true, force: true }),
  });
});
