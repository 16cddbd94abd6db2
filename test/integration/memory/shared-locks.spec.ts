import { describeSharedLocks } from '../../support/shared-suite.js';

describeSharedLocks('memory', { begin: async () => 'memory:shared-locks', end: async () => undefined });
