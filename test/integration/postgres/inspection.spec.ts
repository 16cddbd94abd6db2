import { describe } from 'vitest';
import { describeInspection } from '../../support/inspection-suite.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';

describe.skipIf(postgresBin() === undefined)('with PostgreSQL,', () => {
  describeInspection('PostgreSQL', {
    begin: async () => (await PostgresServer.start()).urlOf(),
    end: stopAllPostgres,
    shares: false,
  });
});
