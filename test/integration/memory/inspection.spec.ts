import { randomUUID } from 'node:crypto';
import { describeInspection } from '../../support/inspection-suite.js';

describeInspection('memory', {
  begin: async () => `memory:${randomUUID()}`,
  end: async () => undefined,
  overProcesses: false,
  hasDeadlines: false,
});
