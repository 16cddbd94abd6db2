/*
 * Writers that are stopped for longer than their leases last, in the middle of transactions on PostgreSQL: what is lost with the guard and
 * without it.
 *
 *   npm run guard -- [--seconds 60] [--tool pg|typeorm|drizzle|prisma] [--isolation 'READ COMMITTED']
 *
 * Prisma is installed into a folder of its own, and only when it is asked for.
 */
import { parseArgs } from 'node:util';
import { PostgresServer } from '../../support/postgres-server.js';
import { runGuard } from './campaign.js';
import { prismaFolder } from './prisma.js';
import { ISOLATIONS, TOOLS } from './terms.js';

/** Enough to see that updates are lost where nothing guards them, s. */
const CONTROL = 10;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    tool: { type: 'string', multiple: true, default: ['pg', 'typeorm', 'drizzle'] },
    isolation: { type: 'string', multiple: true, default: [...ISOLATIONS] },
  },
});

const seconds = Number(values.seconds);
const prisma = values.tool.includes('prisma') ? await prismaFolder() : undefined;
const server = await PostgresServer.start();
let lost = 0;
for (const tool of TOOLS.filter((each) => values.tool.includes(each)))
  for (const isolation of ISOLATIONS.filter((each) => values.isolation.includes(each)))
    for (const guarded of [false, true]) {
      const report = await runGuard(server, {
        tool,
        isolation,
        guarded,
        prisma,
        seconds: guarded ? seconds : Math.min(seconds, CONTROL),
      });
      const errors = Object.entries(report.errors).map(([name, count]) => `${name} ${count}`);
      console.log(
        `${tool}, ${isolation}, ${guarded ? 'guarded' : 'not guarded'}: ${report.commits} commits, ${report.lost} lost, ${report.refused} refused (${errors.join(', ')}), ${report.stops} stops`,
      );
      if (guarded) lost += report.lost;
    }
await server.stop();
process.exitCode = lost > 0 ? 1 : 0;
