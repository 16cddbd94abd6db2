/*
 * Tells which functions of lib one lock goes through, from a call that finds it free to the end of its release.
 *
 *   npm run trace -- [--url redis://…] [--list]
 *
 * Counted by V8's precise coverage, after the first locks have been taken: each function once, however often it runs.
 */
import { Logger } from '@nestjs/common';
import { Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CoordinatorService } from 'nestjs-coordination';
import { RedisServer } from '../../support/redis-server.js';

const { values } = parseArgs({
  options: { url: { type: 'string' }, list: { type: 'boolean', default: false } },
});

/** So many locks are taken before, as the first ones prepare what later ones use. */
const WARM_UP = 100;
const LIB = /\/lib\/(.*)\.mjs$/;

const session = new Session();

/** What has run since the last time, by the file that has it. */
async function visited(): Promise<Map<string, string[]>> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const files = new Map<string, string[]>();
  for (const { url, functions } of result) {
    const file = url.startsWith('file:') ? LIB.exec(fileURLToPath(url))?.[1] : undefined;
    const ran = functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0);
    if (file !== undefined && ran.length > 0)
      files.set(
        file,
        ran.map(({ functionName }) => functionName || '(anonymous)'),
      );
  }
  return files;
}

function tell(what: string, files: ReadonlyMap<string, readonly string[]>): void {
  const functions = [...files.values()].flat().length;
  process.stdout.write(`${what}: ${functions} functions in ${files.size} files\n`);
  if (!values.list) return;
  for (const [file, names] of files) process.stdout.write(`  ${file}: ${names.join(', ')}\n`);
}

Logger.overrideLogger(false);
const server = values.url === undefined ? await RedisServer.start() : undefined;
const coordinator = new CoordinatorService({
  backendUrl: values.url ?? server!.url,
  heartbeat: 10_000,
  ttl: 60_000,
});
await coordinator.start();
const lock = () => coordinator.getLock('share-7');
for (let pair = 0; pair < WARM_UP; pair += 1) await (await lock().hold()).release();

session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
await visited();
const lease = await lock().hold();
const acquired = await visited();
await lease.release();
const released = await visited();
session.disconnect();
tell('acquire', acquired);
tell('release', released);
await coordinator.stop();
await server?.stop();
