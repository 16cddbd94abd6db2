import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeInspection } from '../../support/inspection-suite.js';

let directory = '';

describeInspection('files', {
  begin: async () => {
    directory = await mkdtemp(join(tmpdir(), 'inspection-'));
    return `file://${directory}`;
  },
  end: () => rm(directory, { recursive: true, force: true }),
  hasDeadlines: false,
});
