import { describe } from 'vitest';
import { describeCli } from '../../support/cli-suite.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { THOROUGH } from '../../support/thorough.js';

// Most of it is work that processes do at their start, so that the short form has it on files and on Redis.
describe.runIf(THOROUGH && postgresBin() !== undefined)('with PostgreSQL,', () => {
  describeCli('PostgreSQL', {
    begin: async () => (await PostgresServer.start()).urlOf(),
    end: stopAllPostgres,
    shares: false,
  });
});
