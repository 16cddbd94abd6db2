import { describeLocksStore } from '../../support/locks-store-suite.js';

describeLocksStore('memory', { begin: async () => 'memory:locks-store', end: async () => undefined });
