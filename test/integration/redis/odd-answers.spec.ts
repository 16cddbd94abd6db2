import { announce, breakLock, isOwner, tryAcquire } from '../../support/driver-calls.js';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, request, SuiteWaiter } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

const PING = '*1\r\n$4\r\nPING\r\n';
const PONG = '+PONG\r\n';

/** Stands before a server, and answers instead of it when told to. */
class OddProxy {
  /** What each command is answered with, as it is sent; undefined: by the server. */
  answer: string | undefined;
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    target: number,
  ) {
    server.on('connection', (client) => {
      const upstream = connect(target, '127.0.0.1');
      let messages = false;
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          client.destroy();
          upstream.destroy();
        });
      }
      // An odd answer takes the place of that of the server to PING, so that it never overtakes the ones before it.
      const odd: string[] = [];
      upstream.on('data', (bytes: Buffer) =>
        client.write(
          bytes.toString('latin1').replaceAll(PONG, () => odd.shift() ?? PONG),
          'latin1',
        ),
      );
      client.on('data', (bytes) => {
        messages ||= /\$9\r\nsubscribe\r\n/.test(String(bytes));
        // ioredis itself cannot take such a message.
        if (this.answer === undefined || messages) return upstream.write(bytes);
        const commands = String(bytes).match(/\*\d+\r\n\$\d+\r\n/g)?.length ?? 1;
        odd.push(this.answer.repeat(commands));
        return upstream.write(PING);
      });
    });
  }

  static async start(target: number): Promise<OddProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OddProxy(server, target);
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

const ODD = {
  'a status': '+OK\r\n',
  nothing: '$-1\r\n',
  'no list': '*-1\r\n',
  'an empty list': '*0\r\n',
  'a text': '$3\r\nabc\r\n',
  'a negative number': ':-5\r\n',
  'an unknown status': '*3\r\n:7\r\n:1\r\n:2\r\n',
  'a list of nothing': '*3\r\n$-1\r\n$-1\r\n$-1\r\n',
  'lists in lists': '*2\r\n*1\r\n*0\r\n*2\r\n:1\r\n$-1\r\n',
  'a vote without a time': '*3\r\n:1\r\n$-1\r\n:5\r\n',
  'a holder that is a list': '*4\r\n:0\r\n:1700000000000000\r\n:5\r\n*0\r\n',
} as const;

/** What a call came to, where an error is its message. */
function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    (value) => value,
    (error: Error) => `${error.constructor.name}: ${error.message}`,
  );
}

describe('a node that answers what Redis does not', () => {
  afterAll(stopAllRedis);

  // Whatever nobody catches ends this run, as it would end the application.
  it.each(Object.entries(ODD))('with %s grants, loses and tells nothing', async (_what, answer) => {
    const server = await startRedis();
    const proxy = await OddProxy.start(server.port);
    const context = recordingContext();
    const driver = driverOn(proxy.url, context, { commandTimeout: 2000 });
    await driver.start();
    const held = granted(await tryAcquire(driver, { ...request(freshName()), fencing: true }));
    const waiter = new SuiteWaiter(driver, held.name);
    await waiter.enqueue();
    const again = async (call: (driver: RedisDriver) => Promise<unknown>): Promise<unknown> => {
      proxy.answer = undefined;
      await eventually(() => context.changes.at(-1)?.state === 'up');
      proxy.answer = answer;
      return outcomeOf(call(driver));
    };
    expect(await again((to) => tryAcquire(to, request(freshName())))).toMatch(/^BackendUnavailableError/);
    expect(await again((to) => tryAcquire(to, { ...request(freshName()), fencing: true }))).toMatch(
      /^BackendUnavailableError/,
    );
    const [renewal] = (await again((to) => to.locks.renew([held], 10_000))) as { kind: string }[];
    expect(renewal?.kind).toBe('failed');
    expect(await again((to) => isOwner(to, held))).not.toBe(true);
    expect(await again((to) => breakLock(to, held.name))).not.toBe(true);
    expect(await again((to) => to.locks.release(held))).toMatch(/^BackendUnavailableError/);
    await again((to) => announce(to, 'member', 1000));
    await again(() => waiter.leave());
    expect(context.changes.some(({ cause }) => cause?.message.includes('that Redis does not give'))).toBe(
      true,
    );
    // It was owed.
    proxy.answer = undefined;
    await eventually(async () => (await server.client().exists(`coordination:lock:${held.name}`)) === 0);
    await driver.stop();
    proxy.stop();
  });

  it.each(Object.entries(ODD))('with %s from the start is refused', async (_what, answer) => {
    const proxy = await OddProxy.start((await startRedis()).port);
    proxy.answer = answer;
    const driver = driverOn(proxy.url, recordingContext(), { connectTimeout: 2000 });
    expect(await outcomeOf(driver.start())).toMatch(/^BackendUnavailableError/);
    await driver.stop();
    proxy.stop();
  });
});
