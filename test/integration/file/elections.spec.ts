import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeElections } from '../../support/election-suite.js';

let directory = '';

describeElections('files', {
  begin: async () => {
    directory = await mkdtemp(join(tmpdir(), 'elections-'));
    return `file://${directory}`;
  },
  end: () => rm(directory, { recursive: true, force: true }),
});
