import { describe } from 'vitest';
import { describeSharedLocks } from '../../support/shared-suite.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';

describe.skipIf(postgresBin() === undefined)('rows of a database', () => {
  describeSharedLocks('PostgreSQL', {
    begin: async () => (await PostgresServer.start()).newDatabase(),
    end: stopAllPostgres,
  });
});
