import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../lib/common/clock.js';
import { systemClock } from '../../../lib/common/clock.js';
import { CoordinatorService } from '../../../lib/coordinator.service.js';
import { LOCK_MANAGER } from '../../../lib/lock/index.js';
import { Claim, Job, RunRecords, tickOccasion } from '../../../lib/runs/index.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { type RedisServer, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

const MINUTE = 60_000;
const SETTINGS = { name: 'nightly', onCrash: 'skip', overlap: 'skip', history: 10, maxSkew: MINUTE } as const;

const members: CoordinatorService[] = [];

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.stop()));
  await stopAllRedis();
});

async function replica(
  nodes: readonly RedisServer[],
  agentId: string,
  skew = 0,
  onCrash: 'skip' | 'rerun' = 'skip',
  ttl = 2000,
) {
  const clock: Clock = { ...systemClock, wall: () => Date.now() + skew };
  const options = {
    backendUrl: nodes.map(({ url }) => `${url}?commandTimeout=5000`),
    agentId,
    ttl,
    redis: { maxTtl: ttl, persistent: true },
  };
  const service = new CoordinatorService(options, undefined, { clock });
  await service.start();
  members.push(service);
  const after = (tick: number): number => (Math.floor(tick / MINUTE) + 1) * MINUTE;
  const job = new Job({ ...SETTINGS, onCrash }, service);
  const tick = Math.floor((Date.now() + skew) / MINUTE) * MINUTE;
  return {
    service,
    claim: (ticks = 0) => job.claim(tickOccasion('minutely', tick + ticks * MINUTE, after)),
    latest: () => new RunRecords(service[LOCK_MANAGER]!.records, '').get('nightly'),
  };
}

async function end(claim: unknown): Promise<void> {
  expect(claim).toBeInstanceOf(Claim);
  if (claim instanceof Claim) await claim.end('succeeded');
}

describe.each([1, 3])('jobs on %i Redis nodes', (count) => {
  it('are left alone by a replica whose clock is years ahead, whether there is a record or not', async () => {
    const log = RecordedLog.install();
    const nodes = await startRedisNodes(count);
    const ahead = await replica(nodes, 'ahead', 12 * 365 * 24 * 60 * MINUTE);
    const right = await replica(nodes, 'right');
    expect(await ahead.claim()).toEqual({ skipped: 'clock' });
    expect(await right.latest()).toBeUndefined();
    await end(await right.claim());
    expect(await ahead.claim(1)).toEqual({ skipped: 'clock' });
    await end(await right.claim(1));
    const warnings = log.of('warn').filter((line) => line.includes('maxSkew'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/\d+ ms ahead of the back end's clock.*set this machine's clock/);
  });

  it('go on after a record that such a replica has left, with a warning', async () => {
    const log = RecordedLog.install();
    const nodes = await startRedisNodes(count);
    const right = await replica(nodes, 'right');
    await end(await right.claim());
    const { record } = (await right.latest())!;
    const records = new RunRecords(right.service[LOCK_MANAGER]!.records, '');
    await records.put({ ...record, tick: record.tick + 1000 * MINUTE, token: record.token + 1 });
    await end(await (await replica(nodes, 'other')).claim(1));
    expect(log.of('warn').join('\n')).toMatch(/in the future.*it is overwritten/);
  });

  it('run once more when their lease was lost and they were cut short', async () => {
    RecordedLog.install();
    const nodes = await startRedisNodes(count);
    const [one, other] = [await replica(nodes, 'one', 0, 'rerun'), await replica(nodes, 'other', 0, 'rerun')];
    const first = await one.claim();
    if (!(first instanceof Claim)) throw new Error('it was not claimed');
    const lost = new Promise<Event>((resolve) => first.lease.signal.addEventListener('abort', resolve));
    await other.service.getLock('job:nightly').break();
    await lost;
    await first.end('failed', first.lease.lost);
    const second = await other.claim();
    expect(second).toMatchObject({ run: { attempt: 2 } });
    await end(second);
    expect(await one.claim()).toEqual({ skipped: 'done' });
  });

  it('are skipped with one warning while the back end is away, and run when it is back', async () => {
    const log = RecordedLog.install();
    const nodes = await startRedisNodes(count);
    const { claim, service } = await replica(nodes, 'a');
    await end(await claim(-9));
    const down = new Promise<void>((resolve) => service.on('backend.down', () => resolve()));
    const up = new Promise<void>((resolve) => service.on('backend.up', () => resolve()));
    for (const node of nodes) await node.kill();
    await down;
    for (let tick = -8; tick < -4; tick += 1) expect(await claim(tick)).toEqual({ skipped: 'backend' });
    expect(log.of('warn').filter((line) => line.startsWith('Job "nightly"'))).toHaveLength(1);
    for (const node of nodes) await node.restart();
    await up;
    await end(await claim(-3));
  });

  it('cost one command for a replica that skips, and a handful for one that runs', async () => {
    const nodes = await startRedisNodes(count);
    // Long, so that no heartbeat comes in between.
    const long = (agentId: string) => replica(nodes, agentId, 0, 'skip', 60_000);
    const [one, other] = [await long('one'), await long('other')];
    const client = nodes[0]!.client();
    const calls = async (): Promise<number> => {
      const stats = await client.info('commandstats');
      return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
        (sum, [, n]) => sum + Number(n),
        0,
      );
    };
    await end(await one.claim(-9));
    await other.claim(-9);
    const before = await calls();
    await end(await one.claim(-8));
    const run = (await calls()) - before;
    expect(await other.claim(-8)).toEqual({ skipped: 'done' });
    const skip = (await calls()) - before - run;
    expect(await other.claim(-8)).toEqual({ skipped: 'done' });
    expect((await calls()) - before - run - skip).toBeLessThanOrEqual(1);
    client.disconnect();
    // The heartbeat may ask, too.
    expect(run).toBeLessThanOrEqual(8);
    expect(skip).toBeLessThanOrEqual(3);
  });
});
