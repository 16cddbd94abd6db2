import { EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { SentinelWatch } from '../../../lib/drivers/redis/connection/sentinel-watch.js';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import type { RedisConnectionOptions } from '../../../lib/drivers/redis/options/index.js';
import { recordingContext } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { type SentinelDeployment, startSentinel } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';
import { redisVersion } from '../../support/redis-version.js';

const PASSWORD = 'of-the-sentinels';
const USER = { sentinelUsername: 'watcher', sentinelPassword: 'of-the-user' };

/** As docs/redis.md has it. */
const RIGHTS =
  '&+promoted-slave &+switch-master +subscribe +sentinel|get-master-addr-by-name +sentinel|sentinels';
const WITHOUT_SUBSCRIBE = RIGHTS.replace('+subscribe ', '');

const drivers: RedisDriver[] = [];
const clients: Redis[] = [];

afterAll(stopAllRedis);

afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
  for (const client of clients.splice(0)) client.disconnect();
});

function byUrl(deployment: SentinelDeployment, query: string, redisOptions?: RedisConnectionOptions) {
  const context = recordingContext();
  const driver = driverOn(`${deployment.url}${query}`, context, redisOptions && { redisOptions });
  drivers.push(driver);
  return { driver, context };
}

function byClient({ sentinel, masterName }: SentinelDeployment, options: RedisOptions) {
  const sentinels = [{ host: '127.0.0.1', port: sentinel.port }];
  const client = new Redis({ sentinels, name: masterName, ...options });
  client.on('error', () => undefined);
  clients.push(client);
  const context = recordingContext();
  const driver = new RedisDriver([client], { ttl: 10_000 }, context);
  drivers.push(driver);
  return { driver, context };
}

/** How many listen to the sentinel for both kinds of word of another master. */
async function listeners({ sentinel }: SentinelDeployment): Promise<number> {
  const client = sentinel.client();
  const list = String(await client.client('LIST'));
  client.disconnect();
  return list.split('\n').filter((line) => line.includes(' sub=2 ')).length;
}

async function listensUntilStopped(driver: RedisDriver, deployment: SentinelDeployment): Promise<void> {
  await driver.start();
  await eventually(async () => (await listeners(deployment)) === 1);
  await driver.stop();
  await eventually(async () => (await listeners(deployment)) === 0);
}

describe('the driver listens to sentinels that ask for a password', () => {
  let deployment: SentinelDeployment;

  beforeAll(async () => {
    const aclUsers = redisVersion() < 6.2 ? [] : [`watcher on >${USER.sentinelPassword} ${RIGHTS}`];
    deployment = await startSentinel({ password: PASSWORD, aclUsers });
    const user = ['ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all'] as const;
    await deployment.master.client().call(...user, ...(redisVersion() < 6.2 ? [] : ['&*']));
  });

  it.each([
    ['in the URL', `?sentinelPassword=${PASSWORD}`, undefined],
    ['in the options', '', { sentinelPassword: PASSWORD }],
    [
      'in the options, with a function beside it',
      '',
      { sentinelPassword: PASSWORD, username: 'app', password: () => 'secret' },
    ],
    [
      'in both, of which that in the URL is right',
      `?sentinelPassword=${PASSWORD}`,
      { sentinelPassword: '-' },
    ],
  ])('%s', async (_where, query, redisOptions) => {
    await listensUntilStopped(byUrl(deployment, query, redisOptions).driver, deployment);
  });

  it.skipIf(redisVersion() < 6.2).each([
    [
      'in the URL',
      `?sentinelUsername=${USER.sentinelUsername}&sentinelPassword=${USER.sentinelPassword}`,
      undefined,
    ],
    ['in the options', '', USER],
  ])('of a user %s, with no more rights than the docs say', async (_where, query, redisOptions) => {
    await listensUntilStopped(byUrl(deployment, query, redisOptions).driver, deployment);
  });

  it.each([
    ['of a ready client', {}],
    // That listens for the later word alone, when new clients use the new master already.
    ['of a ready client with a failoverDetector', { failoverDetector: true }],
  ])('%s', async (_whose, options) => {
    const { driver } = byClient(deployment, { sentinelPassword: PASSWORD, ...options });
    await listensUntilStopped(driver, deployment);
  });

  it('of a ready client, by the family that stands beside their address', async () => {
    const sentinels = [{ host: 'localhost', port: deployment.sentinel.port, family: 4 }];
    const { driver } = byClient(deployment, { sentinels, family: 6, sentinelPassword: PASSWORD });
    await listensUntilStopped(driver, deployment);
  });

  it('with a failoverDetector in the options', async () => {
    const { driver } = byUrl(deployment, '', { sentinelPassword: PASSWORD, failoverDetector: true });
    await listensUntilStopped(driver, deployment);
  });
});

describe('the driver listens to sentinels that speak TLS', () => {
  let deployment: SentinelDeployment;

  beforeAll(async () => {
    deployment = await startSentinel({ tls: true });
  });

  it.each([
    ['by the options', byUrlWithTls],
    [
      'by a ready client',
      () => byClient(deployment, { sentinelTLS: { ca: deployment.sentinel.tls!.cert } }).driver,
    ],
  ])('%s', async (_how, create) => {
    await listensUntilStopped(create(), deployment);
  });

  function byUrlWithTls(): RedisDriver {
    return byUrl(deployment, '', { sentinelTLS: { ca: deployment.sentinel.tls!.cert } }).driver;
  }
});

it('takes a sentinel whose port accepts, and closes without a word, for one that is away', async () => {
  let connections = 0;
  const proxy = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.end();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  const sentinels = { addresses: [{ host: '127.0.0.1', port }], masterName: 'main', options: {} };
  const watch = new SentinelWatch(sentinels, { onSwitch: () => undefined, onRefused: () => undefined });
  watch.start();
  await watch.heard();
  watch.stop();
  proxy.close();
  // It would know after its next tries at the latest.
  expect(connections).toBe(1);
});

it('tells that a sentinel refuses as soon as the last of the others is known to be away', async () => {
  const refusing = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (commands) => {
      const count = String(commands).match(/^\*/gm)?.length ?? 0;
      socket.write('-NOPERM no\r\n'.repeat(count));
      // The other one has said nothing until now.
      if (silent) setTimeout(() => silent?.end(), 100);
    });
  });
  let connections = 0;
  let silent: Socket | undefined;
  const closing = createServer((socket) => {
    connections += 1;
    silent = socket;
    socket.on('error', () => undefined);
  });
  for (const server of [refusing, closing]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  // The one that closes comes first, so that it is connected when the other one refuses.
  const addresses = [closing, refusing].map((server) => ({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
  }));
  const told = new Promise((resolve) => {
    const events = { onSwitch: () => undefined, onRefused: () => resolve(connections) };
    const watch = new SentinelWatch({ addresses, masterName: 'main', options: {} }, events);
    onTestFinished(() => {
      watch.stop();
      refusing.close();
      closing.close();
    });
    watch.start();
  });
  // It would be told with a command's time-out, after its next tries.
  expect(await told).toBe(1);
});

describe.skipIf(redisVersion() < 6.2)('a sentinel that refuses the subscription', () => {
  let deployment: SentinelDeployment;

  beforeAll(async () => {
    deployment = await startSentinel({ aclUsers: [`watcher on >${USER.sentinelPassword} ${RIGHTS}`] });
  });

  it.each([
    ['by a URL', () => byUrl(deployment, '', USER)],
    ['by a ready client', () => byClient(deployment, USER)],
  ])('is warned of once, and listened to when it no longer does, %s', async (_how, create) => {
    const admin = deployment.sentinel.client();
    await admin.call('ACL', 'SETUSER', 'watcher', 'reset', 'on', `>${USER.sentinelPassword}`);
    await admin.call('ACL', 'SETUSER', 'watcher', ...WITHOUT_SUBSCRIBE.split(' '));
    const { driver, context } = create();
    await driver.start();
    await eventually(() => context.warnings.length > 0);
    // Another connection is refused likewise.
    await deployment.master.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() => context.changes.length >= 3 && context.changes.at(-1)?.state === 'up');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const refused = context.warnings.filter((line) => line.includes('refuse'));
    expect(refused).toEqual([
      expect.stringMatching(/^Redis node sentinel main.*: the sentinels refuse .*NOPERM.*\+subscribe/),
    ]);
    expect(refused.join()).not.toContain(USER.sentinelPassword);
    await admin.call('ACL', 'SETUSER', 'watcher', '+subscribe');
    await eventually(async () => (await listeners(deployment)) === 1);
    await driver.stop();
  });

  it('is warned of while another one accepts connections and answers nothing', async () => {
    const hung = await startRedis({ sentinel: true });
    hung.pause();
    const admin = deployment.sentinel.client();
    await admin.call('ACL', 'SETUSER', 'default', '-subscribe');
    const context = recordingContext();
    const both = deployment.url.replace('/main', `,127.0.0.1:${hung.port}/main`);
    const driver = driverOn(both, context);
    drivers.push(driver);
    await driver.start();
    await eventually(() => context.warnings.some((line) => line.includes('the sentinels refuse')));
    await driver.stop();
    await admin.call('ACL', 'SETUSER', 'default', '+subscribe');
  });

  it('is not warned of while another one is listened to', async () => {
    const other = await startSentinel();
    const admin = deployment.sentinel.client();
    await admin.call('ACL', 'SETUSER', 'default', '-subscribe');
    const both = deployment.url.replace(
      `:${deployment.sentinel.port}`,
      (port) => `${port},127.0.0.1:${other.sentinel.port}`,
    );
    const context = recordingContext();
    const driver = driverOn(both, context);
    drivers.push(driver);
    await driver.start();
    await eventually(async () => (await listeners(other)) === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(context.warnings).toEqual([]);
    await driver.stop();
    await admin.call('ACL', 'SETUSER', 'default', '+subscribe');
  });
});

it('a ready client connects once more when the sentinels name another master while it connects', async () => {
  // A plain Redis passes the message on as a sentinel does.
  const speaker = await startRedis();
  const disconnects: boolean[] = [];
  const client = Object.assign(new EventEmitter(), {
    status: 'connecting',
    isCluster: false,
    options: {
      sentinels: [{ host: '127.0.0.1', port: speaker.port }],
      name: 'main',
      retryStrategy: () => 100,
    },
    time: () => new Promise(() => undefined),
    disconnect: (again: boolean) => void disconnects.push(again),
  });
  const driver = new RedisDriver([client as unknown as Redis], { ttl: 10_000 }, recordingContext());
  drivers.push(driver);
  const started = driver.start().catch(() => undefined);
  const voice = speaker.client();
  await eventually(async () => (await voice.publish('+switch-master', 'main 127.0.0.1 1 127.0.0.1 2')) === 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(disconnects).toEqual([]);
  client.status = 'ready';
  client.emit('ready');
  await eventually(() => disconnects.length > 0);
  expect(disconnects).toEqual([true]);
  await driver.stop();
  await started;
});

it('nothing listens to a sentinel that answers nothing, once the driver is stopped', async () => {
  const sockets = new Map<string, Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (asked) => {
      sockets.set(/subscribe/i.test(String(asked)) ? 'watch' : 'search', socket);
    });
  });
  server.listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of sockets.values()) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  // The search for the master ends by itself after a third of it.
  const { port } = server.address() as AddressInfo;
  const driver = driverOn(`redis+sentinel://127.0.0.1:${port}/main?connectTimeout=90000`);
  drivers.push(driver);
  const started = driver.start().catch(() => undefined);
  await eventually(() => sockets.size === 2);
  await driver.stop();
  // Before it would be given up as unanswered.
  await eventually(() => sockets.get('watch')?.closed, { within: 2000 });
  await started;
});
