import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeLocksStore } from '../../support/locks-store-suite.js';

let directory = '';

describeLocksStore('files', {
  begin: async () => {
    directory = await mkdtemp(join(tmpdir(), 'locks-store-'));
    return `file://${directory}`;
  },
  end: () => rm(directory, { recursive: true, force: true }),
});
