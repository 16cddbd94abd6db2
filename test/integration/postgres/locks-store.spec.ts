import { describe } from 'vitest';
import { describeLocksStore } from '../../support/locks-store-suite.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';

describe.skipIf(postgresBin() === undefined)('with PostgreSQL,', () => {
  describeLocksStore('PostgreSQL', {
    begin: async () => (await PostgresServer.start()).urlOf(),
    end: stopAllPostgres,
  });
});
