import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeSemaphores } from '../../support/semaphore-suite.js';

let directory = '';

describeSemaphores('files', {
  begin: async () => {
    directory = await mkdtemp(join(tmpdir(), 'semaphores-'));
    return `file://${directory}`;
  },
  end: () => rm(directory, { recursive: true, force: true }),
});
