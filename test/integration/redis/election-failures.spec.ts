import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type CoordinationOptions, CoordinatorService, LeaseLostError } from 'nestjs-coordination';
import { electionsOf } from '../../../lib/elections/index.js';
import { eventually } from '../../support/eventually.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

const TTL = 600;

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});
afterAll(stopAllRedis);

async function member(port: number, options: CoordinationOptions = {}): Promise<CoordinatorService> {
  const coordinator = new CoordinatorService({
    backendUrl: `redis://127.0.0.1:${port}`,
    redis: { nodeList: 'one' },
    ttl: TTL,
    stopTimeout: 0,
    ...options,
  });
  endings.push(() => coordinator.stop());
  await coordinator.start();
  return coordinator;
}

/** Stands for election, and keeps what it is told. */
function stand(coordinator: CoordinatorService) {
  const told: string[] = [];
  const terms: number[] = [];
  electionsOf(coordinator, 'test').stand('quota', [
    {
      when: 'elected',
      label: 'listener',
      call: ({ term }) => {
        terms.push(term);
        told.push('elected');
      },
    },
    { when: 'demoted', label: 'listener', call: () => told.push('demoted') },
  ]);
  return { told, terms, election: coordinator.getElection('quota') };
}

async function proxied() {
  const server = await startRedis();
  const proxy = await TcpProxy.start(server.port);
  endings.push(() => proxy.stop());
  return { server, proxy };
}

describe('an election that the back end does not answer', () => {
  it('is not won: also when the lock was granted, and the answer comes after its time', async () => {
    RecordedLog.install();
    const { server, proxy } = await proxied();
    const one = await member(proxy.port);
    const election = one.getElection('quota');
    proxy.set('down', { cut: 'hold' });
    const { told, terms } = stand(one);
    // The server has granted it.
    await eventually(async () => (await server.client().keys('*election*quota*')).length > 0);
    for (let look = 0; look < 40; look += 1) {
      expect(election.isLeader).toBe(false);
      await after(TTL / 20);
    }
    expect(told).toEqual([]);
    proxy.heal();
    await eventually(() => election.isLeader);
    expect(terms.length).toBe(1);
    expect(election.isLeader).toBe(true);
  });
});

describe('a Redis server that refuses to write', () => {
  it('has no leader in the end, and one again when it takes writes', async () => {
    const log = RecordedLog.install();
    const server = await startRedis();
    const one = await member(server.port);
    const { told, terms, election } = stand(one);
    await eventually(() => terms.length === 1);
    const client = server.client();
    await client.config('SET', 'min-replicas-to-write', 1);
    await eventually(() => !election.isLeader, { within: TTL + 5000 });
    // Nobody is elected meanwhile, for many tries.
    await after(2 * TTL);
    expect([election.isLeader, ...told]).toEqual([false, 'elected', 'demoted']);
    await client.config('SET', 'min-replicas-to-write', 0);
    await eventually(() => election.isLeader);
    expect(told).toEqual(['elected', 'demoted', 'elected']);
    expect(terms[1]).toBeGreaterThan(terms[0]!);
    const lines = log.of('warn').filter((line) => line.includes('other replicas may not see it'));
    expect(lines.length).toBeLessThanOrEqual(1);
  });
});

describe('connections that break twice in quick succession', () => {
  it('end no term, and make nobody campaign twice', async () => {
    RecordedLog.install();
    const { proxy } = await proxied();
    const one = await member(proxy.port, { ttl: 5000 });
    const leading = stand(one);
    await eventually(() => leading.election.isLeader);
    const other = await member(proxy.port, { ttl: 5000 });
    let waiting = 0;
    other.on('lease.waiting', () => (waiting += 1));
    const following = stand(other);
    await eventually(() => waiting === 1);
    const backAgain = async (): Promise<void> => {
      const ups = Promise.all([one, other].map((each) => nextOf(each, 'backend.up')));
      proxy.reset();
      await ups;
    };
    await backAgain();
    await backAgain();
    expect([leading.told, following.told]).toEqual([['elected'], []]);
    // One place in the queue, though the server may have forgotten it until the follower looks again.
    const usageOf = (coordinator: CoordinatorService) =>
      electionsOf(coordinator, 'test').session('test').manager.usage;
    await eventually(() => usageOf(other).waiting === 1);
    expect(usageOf(one)).toEqual({ held: 1, waiting: 0 });
    await eventually(async () => {
      await leading.election.resign();
      return following.election.isLeader;
    });
    await eventually(() => usageOf(one).waiting === 1);
    expect(usageOf(other)).toEqual({ held: 1, waiting: 0 });
    expect(leading.told).toEqual(leading.terms.flatMap(() => ['elected', 'demoted']));
    expect(following.told).toEqual(['elected']);
    expect(new Set([...leading.terms, ...following.terms]).size).toBe(leading.terms.length + 1);
  });
});

describe('a record that cannot be written', () => {
  it('makes a leader no less of one, and is warned of once for each outage', async () => {
    const log = RecordedLog.install();
    const server = await startRedis();
    const one = await member(server.port, { heartbeat: 50, ttl: 20_000 });
    const { records } = electionsOf(one, 'test').session('test').manager;
    const put = records.put.bind(records);
    let refused = 0;
    const refuse: typeof records.put = (record, ttl) => {
      if (record.space !== 'elections') return put(record, ttl);
      refused += 1;
      return Promise.reject(new Error('no room'));
    };
    records.put = refuse;
    const election = one.getElection('quota');
    const { signal, term } = await election.campaign();
    const warnings = (): string[] => log.of('warn').filter((line) => line.includes('no room'));
    await eventually(() => refused > 3);
    expect([election.isLeader, signal.aborted, warnings().length]).toEqual([true, false, 1]);
    expect(warnings()[0]).toMatch(
      /^Election "quota": member .* leads term \d+, as its lock says, but other replicas may not see it: .*no room$/,
    );
    expect(await election.leader()).toMatchObject({ term });
    const other = await member(server.port);
    expect(await other.getElection('quota').leader()).toBeUndefined();
    records.put = put;
    await eventually(async () => (await other.getElection('quota').leader())?.term === term);
    const before = refused;
    records.put = refuse;
    await eventually(() => refused > before + 3);
    expect(warnings().length).toBe(2);
  });
});

describe('a watcher', () => {
  it('sees that a leader has gone without a word, and tells nothing while the back end is away', async () => {
    RecordedLog.install();
    const { server, proxy } = await proxied();
    const one = await member(proxy.port, { agentId: 'one' });
    const other = await member(server.port, { heartbeat: 50 });
    const { signal } = await one.getElection('quota').campaign();
    const states: (string | undefined)[] = [];
    const watching = (async () => {
      for await (const leader of other.getElection('quota').watch()) states.push(leader?.agentId);
    })();
    await eventually(() => states.length === 1);
    proxy.set('both', { cut: 'lose' });
    await eventually(() => signal.aborted);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    await eventually(() => states.length === 2);
    server.pause();
    await after(2 * TTL);
    expect(states).toEqual(['one', undefined]);
    server.resume();
    await other.stop();
    await watching;
  });
});

function nextOf(coordinator: CoordinatorService, event: 'backend.up'): Promise<void> {
  return new Promise((resolve) => {
    const stop = coordinator.on(event, () => {
      stop();
      resolve();
    });
  });
}
