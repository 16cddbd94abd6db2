import { Cluster, Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/common/clock.js';
import { BorrowedConnection } from '../../../lib/drivers/redis/connection/borrowed-connection.js';
import type {
  ConnectionOwner,
  ConnectionSettings,
} from '../../../lib/drivers/redis/connection/connection.js';
import { createClient, type RedisClient } from '../../../lib/drivers/redis/connection/clients.js';
import { NodeError } from '../../../lib/drivers/redis/errors/node-error.js';
import { OwnConnection } from '../../../lib/drivers/redis/connection/own-connection.js';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { tryAcquire } from '../../support/driver-calls.js';
import { granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { DOCUMENTED_RIGHTS } from '../../support/redis-acl.js';
import { startCluster } from '../../support/redis-deployments.js';
import { freePort } from '../../support/redis-ports.js';
import { startRedis, stopAllRedis, type RedisServer } from '../../support/redis-server.js';

/** Longer than any of these tests may take. */
const CONNECT_TIMEOUT = 120_000;

const SETTINGS: ConnectionSettings = {
  connectTimeout: CONNECT_TIMEOUT,
  clock: systemClock,
  // The first try after a failure comes as soon as it may.
  random: () => 0,
  secrets: [],
};

class RecordingOwner implements ConnectionOwner {
  ups = 0;
  downs = 0;
  verified = 0;

  constructor(private readonly check: (client: RedisClient, count: number) => Promise<unknown>) {}

  async verify(client: RedisClient): Promise<void> {
    this.verified += 1;
    await this.check(client, this.verified);
  }

  onUp(): void {
    this.ups += 1;
  }

  onDown(): void {
    this.downs += 1;
  }
}

/** Counts what the client is asked to send. */
function commandsOf(client: Redis): { readonly count: number } {
  const sent = { count: 0 };
  const send = client.sendCommand.bind(client);
  client.sendCommand = (...args) => {
    sent.count += 1;
    return send(...args);
  };
  return sent;
}

describe('the connection over a ready client', () => {
  afterEach(stopAllRedis);

  it('is not proven by a probe in whose midst it was lost: what answers then may be another server', async () => {
    const server = await startRedis();
    const admin = server.client();
    const client = server.client({ retryStrategy: () => 20 });
    const owner = new RecordingOwner(async (_client, count) => {
      if (count > 1) return;
      const closed = new Promise((resolve) => client.once('close', resolve));
      await admin.client('KILL', 'ID', await client.client('ID'));
      await closed;
      // Sent again by the client itself when it is connected again.
      await client.ping();
    });
    const connection = new BorrowedConnection(client, owner, SETTINGS);
    await expect(connection.start()).rejects.toThrow('the connection was closed');
    expect(owner.ups).toBe(0);
    await eventually(() => owner.ups > 0);
    expect(owner).toMatchObject({ ups: 1, downs: 0, verified: 2 });
    await connection.stop();
  });
});

describe('a ready client whose user has the documented rights alone', () => {
  afterEach(stopAllRedis);

  it('is all that a driver needs, also to list the locks', async () => {
    const server = await startRedis({ aclUsers: [`app on >secret ${DOCUMENTED_RIGHTS}`] });
    const client = server.client({ username: 'app', password: 'secret' });
    const driver = new RedisDriver([client], { ttl: 1000 }, recordingContext());
    await driver.start();
    const grant = granted(await tryAcquire(driver, request('listed')));
    expect(await driver.locks.list()).toMatchObject([{ name: 'listed', id: grant.id }]);
    await driver.stop();
  });
});

describe('a ready client that drops what a lost connection has not answered', () => {
  afterEach(stopAllRedis);

  it.each(['the first command', 'the checks'] as const)(
    'is probed again when it has dropped %s of a probe',
    async (what) => {
      const server = await startRedis();
      const client = server.client({ autoResendUnfulfilledCommands: false, retryStrategy: () => 20 });
      const owner = new RecordingOwner(async (each, count) => {
        if (what === 'the checks' && count === 2) server.pause();
        await each.time();
      });
      const connection = new BorrowedConnection(client, owner, SETTINGS);
      await connection.start();
      const sent = commandsOf(client);
      if (what === 'the first command') server.pause();
      const before = sent.count;
      connection.fail(new NodeError('hangs'));
      await eventually(() => sent.count > before && (what === 'the first command' || owner.verified > 1));
      await new Promise(setImmediate);
      client.stream.destroy();
      server.resume();
      await eventually(() => owner.ups === 2);
      await connection.stop();
    },
  );
});

describe('a ready client that keeps no commands for later', () => {
  afterEach(stopAllRedis);

  it.each([{}, { lazyConnect: true }])('is waited for until it is ready: %o', async (options) => {
    const server = await startRedis();
    const client = server.client({ enableOfflineQueue: false, ...options });
    expect(client.status).not.toBe('ready');
    const driver = new RedisDriver([client], { ttl: 1000 }, recordingContext());
    await driver.start();
    await driver.stop();
  });

  it('is waited for as one of a Cluster, too', async () => {
    const { masters } = await startCluster();
    const client = new Cluster(
      masters.map(({ port }) => ({ host: '127.0.0.1', port })),
      { enableOfflineQueue: false },
    );
    client.on('error', () => undefined);
    const driver = new RedisDriver([client], { ttl: 1000 }, recordingContext());
    await driver.start();
    await driver.stop();
    client.disconnect();
  });

  it('is not waited for longer than connecting may take', async () => {
    const client = new Redis({ host: '127.0.0.1', port: await freePort(), enableOfflineQueue: false });
    client.on('error', () => undefined);
    const owner = new RecordingOwner((each) => each.ping());
    const connection = new BorrowedConnection(client, owner, { ...SETTINGS, connectTimeout: 1000 });
    await expect(connection.start()).rejects.toThrow('ECONNREFUSED');
    await connection.stop();
    client.disconnect();
    // ioredis has one of its own while it tries to connect.
    await expect.poll(() => client.listenerCount('ready')).toBe(0);
  });
});

describe('a connection of our own', () => {
  afterEach(stopAllRedis);

  it('leaves no try behind after stop, when the connection before ended during that try', async () => {
    const server = await startRedis();
    const clients: RedisClient[] = [];
    const owner = new RecordingOwner((client) => client.ping());
    const connection = new OwnConnection(
      () => {
        const client = clientOn(server);
        clients.push(client);
        return client;
      },
      owner,
      SETTINGS,
    );
    await connection.start();
    server.pause();
    connection.fail(new NodeError('hangs'));
    const [first] = clients;
    // Nobody answers its end, so that it lasts for longer than the pause before the next try.
    await eventually(() => clients.length > 1);
    await eventually(() => first?.status === 'end');
    await connection.stop();
    await eventually(() => clients.every(({ status }) => status === 'end'));
    expect(clients).toHaveLength(2);
  });
});

function clientOn({ port }: RedisServer): RedisClient {
  const url = { topology: 'single', tls: false, host: '127.0.0.1', port, db: 0 } as const;
  return createClient(url, {}, CONNECT_TIMEOUT);
}
