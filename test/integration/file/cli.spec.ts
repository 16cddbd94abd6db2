import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeCli } from '../../support/cli-suite.js';

let directory = '';

describeCli('files', {
  begin: async () => {
    directory = await mkdtemp(join(tmpdir(), 'cli-'));
    return `file://${directory}`;
  },
  end: () => rm(directory, { recursive: true, force: true }),
});
