import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeSharedLocks } from '../../support/shared-suite.js';

let directory = '';

describeSharedLocks('files', {
  begin: async () => {
    directory = await mkdtemp(join(tmpdir(), 'shared-locks-'));
    return `file://${directory}`;
  },
  end: () => rm(directory, { recursive: true, force: true }),
});
