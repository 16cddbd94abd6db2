import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ClockShims, type ShimmedClock } from '../../support/clock-shim.js';
import { startRedisNodes } from '../../support/redis-server.js';
import { THOROUGH } from '../../support/thorough.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { cleanUp, scratchDirectory } from '../replicas/backends.js';
import { judge, type Verdict } from './beliefs.js';
import { Candidate } from './candidate.js';

const TTL = 500;
const REPLICAS = 3;

interface Place {
  readonly proxies: readonly TcpProxy[];
  readonly clock: ShimmedClock | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly url: string;
  candidate: Candidate;
}

/** One disturbance of one replica, which is over when it resolves. */
type Disturbance = (place: Place) => Promise<void>;

const DISTURBANCES: Readonly<Record<string, Disturbance>> = {
  'stopped for longer than a ttl': async ({ candidate }) => {
    candidate.process.freeze();
    await after(1.6 * TTL);
    candidate.process.thaw();
  },
  'cut off': async ({ proxies }) => {
    for (const proxy of proxies) proxy.set('both', { cut: 'hold' });
    await after(1.6 * TTL);
    for (const proxy of proxies) proxy.heal();
  },
  'unheard, while what it sends arrives': async ({ proxies }) => {
    for (const proxy of proxies) proxy.set('down', { cut: 'hold' });
    await after(1.6 * TTL);
    for (const proxy of proxies) proxy.heal();
  },
  'its wall clock set back, and stopped': async (place) => {
    place.clock?.set(-60_000);
    await DISTURBANCES['stopped for longer than a ttl']!(place);
    place.clock?.set(0);
  },
  'its wall clock set ahead': async ({ clock }) => {
    clock?.set(60_000);
    await after(0.5 * TTL);
    clock?.set(0);
  },
  'killed, and started again with its agentId': async (place) => {
    await place.candidate.process.kill();
    place.candidate = await Candidate.start(place.url, place.env);
  },
  'reconnected twice in quick succession': async ({ proxies }) => {
    for (const proxy of proxies) proxy.reset();
    await after(30);
    for (const proxy of proxies) proxy.reset();
  },
};

async function linesOf(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
}

describe('what three replicas believe while they are stopped, killed, cut off and their clocks are set', () => {
  let shims: ClockShims | undefined;
  const places: Place[] = [];

  beforeAll(async () => {
    shims = await ClockShims.compile();
  });
  afterEach(async () => {
    for (const { candidate, proxies } of places.splice(0)) {
      await candidate.process.kill();
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    }
  });
  afterAll(async () => {
    await cleanUp();
    await shims?.remove();
  });

  async function place(ports: readonly number[], index: number, env: Record<string, string>): Promise<Place> {
    const proxies = await Promise.all(ports.map((port) => TcpProxy.start(port)));
    const clock = await shims?.create();
    const url = proxies.map(({ port }) => `redis://127.0.0.1:${port}`).join(',');
    const all = {
      ...env,
      ...clock?.env,
      COORDINATION_AGENT_ID: `replica-${index}`,
      COORDINATION_TTL: String(TTL),
      COORDINATION_REDIS_NODE_LIST: 'history',
    };
    return { proxies, clock, url, env: all, candidate: await Candidate.start(url, all) };
  }

  async function history(nodes: number, env: Record<string, string>, steps: Disturbance[]): Promise<Verdict> {
    const beliefs = join(await scratchDirectory(), 'beliefs');
    const ports = (await startRedisNodes(nodes)).map(({ port }) => port);
    const indexes = Array.from({ length: REPLICAS }, (_, index) => index);
    places.push(
      ...(await Promise.all(indexes.map((index) => place(ports, index, { ...env, BELIEFS: beliefs })))),
    );
    await Promise.any(places.map(({ candidate }) => candidate.elected()));
    for (const step of steps) {
      // The one that led last, as far as it has noted.
      const pid = Number((await linesOf(beliefs)).at(-1)?.split(' ')[0]);
      await step(places.find(({ candidate }) => candidate.process.pid === pid) ?? places[0]!);
      await after(0.5 * TTL);
    }
    return judge(await linesOf(beliefs));
  }

  it.each(THOROUGH ? [1, 3] : [3])(
    'is at most one leader at a time, and terms that grow, on %i Redis node(s)',
    async (nodes) => {
      const all = Object.values(DISTURBANCES);
      const { terms, faults } = await history(nodes, {}, [...all, ...all]);
      expect(faults).toEqual([]);
      expect(terms).toBeGreaterThan(6);
    },
    120_000,
  );

  it('is two leaders, where the flag looks at no clock, so that the other tests can fail', async () => {
    const stopped = DISTURBANCES['stopped for longer than a ttl']!;
    const { faults } = await history(1, { NAIVE: 'yes' }, Array<Disturbance>(5).fill(stopped));
    expect(faults.filter((fault) => fault.startsWith('two led at once'))).not.toEqual([]);
  });
});
