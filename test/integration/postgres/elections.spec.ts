import { describe } from 'vitest';
import { describeElections } from '../../support/election-suite.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';

describe.skipIf(postgresBin() === undefined)('with PostgreSQL,', () => {
  describeElections('PostgreSQL', {
    begin: async () => (await PostgresServer.start()).urlOf(),
    end: stopAllPostgres,
  });
});
