import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { ClockShims } from '../../support/clock-shim.js';
import { diagnose, toldAs } from '../../support/diagnosis.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { startCluster, startSentinel } from '../../support/redis-deployments.js';
import { DOCUMENTED_RIGHTS } from '../../support/redis-acl.js';
import { redisVersion } from '../../support/redis-version.js';
import { freePort } from '../../support/redis-ports.js';
import {
  type RedisServer,
  type RedisServerOptions,
  startRedis,
  startRedisNodes,
  stopAllRedis,
} from '../../support/redis-server.js';

const SECRET = 'correct-horse-battery';

/** A trip of half that time is warned of, and may take some of it on a busy machine. */
const patient = (url: string): string => `${url}${url.includes('?') ? '&' : '?'}commandTimeout=20000`;

describe('the doctor on Redis', () => {
  afterEach(stopAllRedis);

  async function keysOf(server: RedisServer): Promise<string[]> {
    return (await server.client().keys('*')).toSorted();
  }

  async function one(options: RedisServerOptions = {}): Promise<RedisServer> {
    return startRedis(options);
  }

  it('says that all is well on a good server, and leaves nothing behind', async () => {
    const server = await one({ password: SECRET });
    const before = await keysOf(server);
    const diagnosis = await diagnose({ backendUrl: patient(server.url) }, [SECRET]);
    expect(toldAs('problem', diagnosis)).toEqual([]);
    expect(toldAs('warning', diagnosis)).toEqual([]);
    expect(diagnosis).toMatchObject({ backend: 'redis', problems: 0, warnings: 0 });
    const checks = diagnosis.findings.filter(({ level }) => level === 'ok').map(({ check }) => check);
    expect(checks).toEqual(
      expect.arrayContaining([
        'reach',
        'latency',
        'clock',
        'version',
        'role',
        'eviction',
        'rights',
        'scripts',
        'list',
      ]),
    );
    expect(await keysOf(server)).toEqual(before);
  });

  it('says that all is well on three nodes that an application uses, and disturbs none of its locks', async () => {
    RecordedLog.install();
    const urls = (await startRedisNodes(3)).map(({ url }) => url).join(',');
    const coordinator = new CoordinatorService({ backendUrl: urls, prefix: 'app-' });
    await coordinator.start();
    try {
      await using lease = await coordinator.getLock('report').hold();
      const diagnosis = await diagnose({ backendUrl: urls, prefix: 'app-' });
      expect(toldAs('problem', diagnosis)).toEqual([]);
      expect(toldAs('ok', diagnosis)).toContain('quorum: 3 of 3 nodes can be used, and 2 are needed');
      expect(toldAs('ok', diagnosis)).toContain('list: it belongs to this list of nodes');
      expect(await coordinator.getLock('report').acquire(false)).toBe(false);
      lease.assertHeld();
    } finally {
      await coordinator.stop();
    }
  });

  it('finds the rights that the user lacks, by the names that ACL SETUSER takes', async () => {
    const lacking = DOCUMENTED_RIGHTS.replace(' +zadd', '')
      .replace(' +evalsha', '')
      .replace(' +subscribe', '')
      .replace(' +scan', '');
    const server = await one({
      aclUsers: [`app on >${SECRET} ${lacking}`, `good on >${SECRET} ${DOCUMENTED_RIGHTS}`],
    });
    const urlFor = (user: string): string => server.url.replace('//', `//${user}:${SECRET}@`);
    const diagnosis = await diagnose({ backendUrl: patient(urlFor('app')) }, [SECRET]);
    expect(toldAs('problem', diagnosis)).toEqual([
      'rights: the user may not do all that is needed: missing are +evalsha +zadd +scan',
    ]);
    expect(toldAs('warning', diagnosis)).toEqual(['rights: the user may not listen: missing are +subscribe']);
    const well = await diagnose({ backendUrl: urlFor('good') }, [SECRET]);
    expect(toldAs('problem', well)).toEqual([]);
  });

  it('finds the keys that the user may not touch', async () => {
    const server = await one({
      aclUsers: [`app on >${SECRET} ${DOCUMENTED_RIGHTS.replace('~coordination:*', '~coordination:lock:*')}`],
    });
    const diagnosis = await diagnose({ backendUrl: server.url.replace('//', `//app:${SECRET}@`) }, [SECRET]);
    expect(toldAs('problem', diagnosis).join()).toMatch(
      /^rights: .*~coordination:fence:.* ~coordination:node/,
    );
  });

  it('finds a server that may evict a held lock, and one that is nearly full', async () => {
    const server = await one({ args: ['maxmemory 100mb', 'maxmemory-policy allkeys-lru'] });
    expect(toldAs('problem', await diagnose({ backendUrl: server.url }))).toEqual([
      'eviction: it may evict held locks when its memory is full (maxmemory-policy allkeys-lru)',
    ]);
    const full = await one({ args: ['maxmemory 100mb'] });
    const client = full.client();
    const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
    await client.config('SET', 'maxmemory', Math.ceil(used * 1.05));
    expect(toldAs('warning', await diagnose({ backendUrl: patient(full.url) })).join()).toMatch(/^memory: /);
  });

  it('finds a replica, where a node should be, and a server of a Cluster', async () => {
    const master = await one();
    const replica = await startRedis({ args: [`replicaof 127.0.0.1 ${master.port}`] });
    expect(toldAs('problem', await diagnose({ backendUrl: replica.url }))).toEqual([
      `role: it is a replica of 127.0.0.1:${master.port}`,
    ]);
    const other = await one();
    const link = replica.client();
    await expect.poll(() => link.info('replication')).toContain('master_link_status:up');
    const three = await diagnose({ backendUrl: [master, replica, other].map(({ url }) => url) });
    expect(toldAs('problem', three).join()).toContain('twins: ');
    expect(toldAs('problem', three).join()).toContain('have one history');
    const cluster = await startCluster();
    const part = await diagnose({ backendUrl: cluster.masters[0]!.url });
    expect(toldAs('problem', part)).toContain('role: it is a server of a Redis Cluster');
  });

  it('finds one server that is listed twice under two names', async () => {
    const [one, two] = (await startRedisNodes(2)) as [RedisServer, RedisServer];
    const again = one.url.replace('127.0.0.1', 'localhost');
    const diagnosis = await diagnose({ backendUrl: [one.url, again, two.url] });
    expect(toldAs('problem', diagnosis)).toEqual([
      `twins: 127.0.0.1:${one.port} and localhost:${one.port} are the same server`,
    ]);
  });

  it('finds a node that belongs to another list of nodes', async () => {
    RecordedLog.install();
    const nodes = await startRedisNodes(4);
    const urls = nodes.map(({ url }) => url);
    const coordinator = new CoordinatorService({ backendUrl: urls.slice(0, 3).join(',') });
    await coordinator.start();
    try {
      const diagnosis = await diagnose({ backendUrl: urls.slice(1).join(',') });
      expect(toldAs('problem', diagnosis).filter((each) => each.startsWith('list:'))).toHaveLength(2);
      expect(toldAs('problem', diagnosis).join()).toContain('belongs to another list of nodes');
      expect(toldAs('problem', diagnosis).join()).toContain('quorum: 1 of 3 nodes');
    } finally {
      await coordinator.stop();
    }
  });

  it('finds a promise to keep every write that the server does not keep', async () => {
    const server = await one();
    const options = { backendUrl: server.url, redis: { persistent: true } };
    expect(toldAs('problem', await diagnose(options))).toEqual([
      'persistence: redis.persistent is true, and it has no append-only file',
    ]);
    const careless = await one({ args: ['appendonly yes', 'appendfsync everysec'] });
    expect(toldAs('problem', await diagnose({ ...options, backendUrl: careless.url }))).toEqual([
      'persistence: redis.persistent is true, and it has append-only file, appendfsync everysec',
    ]);
    const careful = await one({ args: ['appendonly yes', 'appendfsync always'] });
    expect(toldAs('problem', await diagnose({ ...options, backendUrl: careful.url }))).toEqual([]);
  });

  it('finds clocks that differ, from this machine and from each other', async () => {
    const shims = await ClockShims.compile();
    if (!shims) return;
    try {
      const ahead = await shims.create();
      const server = await one({ env: ahead.env });
      ahead.set(5000);
      const diagnosis = await diagnose({ backendUrl: patient(server.url) });
      expect(toldAs('warning', diagnosis).join()).toMatch(/^clock: its clock is (49|50)\d\d ms ahead/);
      ahead.set(90_000);
      expect(toldAs('problem', await diagnose({ backendUrl: server.url })).join()).toMatch(/^clock: /);
      ahead.set(-5000);
      const others = await startRedisNodes(2);
      const three = await diagnose({ backendUrl: [server, ...others].map(({ url }) => patient(url)) });
      expect(toldAs('warning', three).join()).toMatch(/their clocks are (49|50)\d\d ms apart/);
    } finally {
      await stopAllRedis();
      await shims.remove();
    }
  });

  it('finds a server that takes no writes without replicas', async () => {
    const server = await one();
    await server.client().config('SET', 'min-replicas-to-write', 1);
    const told = toldAs('problem', await diagnose({ backendUrl: server.url }));
    expect(told.join()).toContain('replicas: 0 replicas follow it');
    expect(told.join()).toContain('scripts: a script fails');
  });

  it('finds who cannot be reached, and a wrong password, without showing it', async () => {
    const port = await freePort();
    const away = await diagnose({ backendUrl: `redis://:${SECRET}@127.0.0.1:${port}` }, [SECRET]);
    expect(toldAs('problem', away).join()).toMatch(/^reach: it cannot be used: connection refused/);
    const server = await one({ password: 'another-one' });
    const wrong = await diagnose({ backendUrl: `redis://:${SECRET}@127.0.0.1:${server.port}` }, [
      SECRET,
      'another-one',
    ]);
    expect(toldAs('problem', wrong).join()).toMatch(/WRONGPASS/);
    const nodes = await startRedisNodes(2);
    const two = await diagnose({
      backendUrl: [...nodes.map(({ url }) => url), `redis://127.0.0.1:${port}`].map(patient),
    });
    expect(toldAs('warning', two)).toEqual(['quorum: 2 of 3 nodes can be used, and 2 are needed']);
  });

  it('finds options that no coordinator would start with', async () => {
    const diagnosis = await diagnose({ backendUrl: `redis://:${SECRET}@a,b`, ttl: -1 }, [SECRET]);
    expect(diagnosis).toMatchObject({ backend: undefined, problems: 1 });
    expect(toldAs('problem', diagnosis).join()).toMatch(/\(1\) ttl .*\(2\) .*even number/);
  });

  it('looks at each sentinel, and at each master of a Cluster', async () => {
    const { url, sentinel } = await startSentinel();
    const away = await freePort();
    const watched = await diagnose({
      backendUrl: patient(url.replace(`:${sentinel.port}`, `:${sentinel.port},127.0.0.1:${away}`)),
    });
    expect(toldAs('problem', watched)).toEqual([]);
    expect(toldAs('warning', watched)).toEqual([
      expect.stringContaining(`the sentinel 127.0.0.1:${away} is of no use`),
      expect.stringContaining('min-replicas-to-write is 0'),
    ]);
    const cluster = await startCluster();
    const well = await diagnose({ backendUrl: cluster.url });
    expect(toldAs('problem', well)).toEqual([]);
    expect(toldAs('ok', well)).toContain('slots: 16384 of 16384 slots are on 3 masters');
    await cluster.masters[0]!.client().cluster('DELSLOTS', 0);
    expect(toldAs('problem', await diagnose({ backendUrl: cluster.url })).join()).toContain('slots: ');
  });

  it.skipIf(redisVersion() < 7).each(['hostname', 'unknown-endpoint'])(
    'looks at each master of a Cluster of servers without names (%s)',
    async (type) => {
      const cluster = await startCluster({ args: [`cluster-preferred-endpoint-type ${type}`] });
      const diagnosis = await diagnose({ backendUrl: cluster.url });
      expect(toldAs('problem', diagnosis)).toEqual([]);
      expect(toldAs('ok', diagnosis)).toContain('slots: 16384 of 16384 slots are on 3 masters');
    },
  );

  it('asks sentinels with the password that stands in the options', async () => {
    const { url } = await startSentinel({ password: SECRET });
    const sentinelPassword = SECRET;
    const diagnosis = await diagnose({ backendUrl: url, redis: { options: { sentinelPassword } } }, [SECRET]);
    expect(toldAs('problem', diagnosis)).toEqual([]);
    expect(toldAs('warning', diagnosis).join()).not.toContain('is of no use');
  });

  afterAll(stopAllRedis);
});
