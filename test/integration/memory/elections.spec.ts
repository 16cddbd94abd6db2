import { randomUUID } from 'node:crypto';
import { describeElections } from '../../support/election-suite.js';

describeElections('memory', { begin: async () => `memory:${randomUUID()}`, end: async () => undefined });
