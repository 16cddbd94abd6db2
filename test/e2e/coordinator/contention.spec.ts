import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CoordinatorService, type Lease, Lock, LockNameError } from 'nestjs-coordination';
import { RecordedLog } from '../../support/recorded-log.js';
import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

interface Backend {
  readonly kind: string;
  readonly url: () => Promise<string>;
}

let directory = '';
const backends: Backend[] = [
  { kind: 'memory', url: async () => `memory:contention` },
  { kind: 'file', url: async () => `file://${directory}` },
  { kind: 'redis', url: async () => (await startRedisNodes(1)).map(({ url }) => url).join(',') },
  { kind: 'three redis nodes', url: async () => (await startRedisNodes(3)).map(({ url }) => url).join(',') },
];

beforeAll(async () => {
  RecordedLog.install();
  directory = await mkdtemp(join(tmpdir(), 'coordination-contention-'));
});

afterAll(async () => {
  await stopAllRedis();
  await rm(directory, { recursive: true });
});

describe.each(backends)('two coordinators on $kind', ({ url }) => {
  let backendUrl = '';
  /** A lock of each test's own. */
  let name = '';
  let tests = 0;
  let one: CoordinatorService;
  let two: CoordinatorService;

  beforeAll(async () => {
    backendUrl = await url();
  });

  afterEach(async () => {
    await Promise.all([one.stop(), two.stop()]);
  });

  async function start(prefixes = ['p-', 'p-']): Promise<void> {
    name = `lock-${(tests += 1)}`;
    const options = { backendUrl, stopTimeout: 0 };
    one = new CoordinatorService({ ...options, agentId: 'one', prefix: prefixes[0] });
    two = new CoordinatorService({ ...options, agentId: 'two', prefix: prefixes[1] });
    await Promise.all([one.start(), two.start()]);
  }

  it('contend for a lock, and take it one after the other', async () => {
    await start();
    const [first, second] = [one.getLock(name), two.getLock(name)];
    expect(await first.acquire()).toBe(true);
    expect(await second.acquire(false)).toBe(false);
    expect(await second.release()).toBe(false);
    expect(await first.isStillOwner()).toBe(true);
    const waiting = second.acquire(30_000);
    expect(await first.release()).toBe(true);
    expect(await waiting).toBe(true);
    expect(await second.release()).toBe(true);
  });

  it('keep apart under different prefixes', async () => {
    await start(['x-', 'y-']);
    expect(await one.getLock(name).acquire(false)).toBe(true);
    const other = two.getLock(name);
    expect(await other.acquire(false)).toBe(true);
    await other.release();
  });

  it('give up after the time they were ready to wait, and not before', async () => {
    await start();
    await one.getLock(name).acquire();
    const begin = performance.now();
    expect(await two.getLock(name).acquire(300)).toBe(false);
    const waited = performance.now() - begin;
    expect(waited).toBeGreaterThanOrEqual(300);
    expect(waited).toBeLessThan(5000);
  });

  it('never run a body at the same time', async () => {
    await start();
    let running = 0;
    let most = 0;
    const body = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? one : two).using(name, body)),
    );
    expect([most, running]).toEqual([1, 0]);
  });

  it('give the leases after a broken one larger tokens in the order in which they begin', async () => {
    await start();
    const options = { fencing: true, blocking: 10_000 };
    const first = await one.getLock(name).hold(options);
    const tokens = [first.fencingToken];
    const use = async (lease: Lease): Promise<void> => {
      tokens.push(lease.fencingToken);
      await lease.release();
    };
    // It is in line for what its own process holds, which is handed on without a question.
    const waiting = one.getLock(name).hold(options).then(use);
    expect(await two.getLock(name).break()).toBe(true);
    await two.getLock(name).hold(options).then(use);
    await first.release();
    await waiting;
    expect(tokens).toEqual(tokens.toSorted((a = 0, b = 0) => a - b));
    expect(tokens).toHaveLength(3);
  });

  it('break a lock of each other, and the holder learns of it', async () => {
    await start();
    const lock = one.getLock(name, { ttl: 1500 });
    await lock.acquire();
    const { signal } = lock.lease!;
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
    expect(await two.getLock(name).break()).toBe(true);
    await aborted;
    expect(await lock.release()).toBe(false);
    expect(await two.getLock(name).break()).toBe(false);
  });

  it('share a lock whose name is formatted from data, and take a literal name as it is', async () => {
    await start();
    const formatted = new Lock(`${name}-<share.id>`, { share: { id: 7 } }, one);
    expect(formatted.name).toBe(`${name}-7`);
    await formatted.acquire();
    expect(await two.getLock(`${name}-7`).acquire(false)).toBe(false);
    expect(await two.getLock(`${name}-<share.id>`).acquire(false)).toBe(true);
    const strange = two.getLock('a<b{c}>>{{d');
    expect(strange.name).toBe('a<b{c}>>{{d');
    await strange.using((lease) => expect(lease.name).toBe('a<b{c}>>{{d'));
    expect(() => two.getLock('')).toThrow(LockNameError);
    expect(() => two.getLock(undefined as never)).toThrow(LockNameError);
  });
});
