import { describe } from 'vitest';
import { describeCli } from '../../support/cli-suite.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { THOROUGH } from '../../support/thorough.js';

// The short form has them on Redis.
describe.runIf(THOROUGH && postgresBin() !== undefined)('with PostgreSQL,', () => {
  describeCli('PostgreSQL', {
    begin: async () => (await PostgresServer.start()).urlOf(),
    end: stopAllPostgres,
    shares: false,
  });
});
