import { describeSemaphores } from '../../support/semaphore-suite.js';

describeSemaphores('memory', { begin: async () => 'memory:semaphores', end: async () => undefined });
