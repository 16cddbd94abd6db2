import { afterAll, describe } from 'vitest';
import { describeDriver } from '../../support/driver-suite.js';
import { postgresDriverOn } from '../../support/postgres-drivers.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';

describe.skipIf(postgresBin() === undefined)('on a real PostgreSQL server,', () => {
  let url = '';

  afterAll(stopAllPostgres);

  describeDriver('postgres', {
    traits: ['lease', 'queue', 'shared'],
    setUp: async () => {
      const server = await PostgresServer.start();
      url = await server.newDatabase();
    },
    create: (context) => postgresDriverOn(url, context),
    tearDown: stopAllPostgres,
  });
});
