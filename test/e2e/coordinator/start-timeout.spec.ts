import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BackendUnavailableError, CoordinationModule, CoordinatorService } from 'nestjs-coordination';
import { boot } from '../../support/boot.js';
import { eventually } from '../../support/eventually.js';
import { outcomeOf } from '../../support/lock-manager-bench.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { RedisServer, stopAllRedis } from '../../support/redis-server.js';

/** Far longer than any test: what ends before it was ended by something else. */
const LONG = 600_000;

let log: RecordedLog;

beforeEach(() => {
  log = RecordedLog.install();
});

afterAll(stopAllRedis);

/** The address of a server that is down, can be started, and then has every write from before. */
async function serverThatIsDown(): Promise<RedisServer> {
  const server = await RedisServer.start({ args: ['appendonly yes', 'appendfsync always'] });
  await server.kill();
  return server;
}

/** Where a server that was down grants locks at once, as one that has lost nothing. */
function urlOf(server: RedisServer): string {
  return `${server.url}?persistent=true`;
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP')).length;
}

describe('a start while the back end is down', () => {
  it('fails at once, and says what to do', async () => {
    const server = await serverThatIsDown();
    const one = new CoordinatorService({ backendUrl: server.url });
    const begin = performance.now();
    await expect(one.start()).rejects.toThrow(
      `Redis cannot be used: 127.0.0.1:${server.port}: connection refused: start Redis there, or correct host and port`,
    );
    expect(performance.now() - begin).toBeLessThan(5000);
    expect(one.started).toBe(false);
    expect(log.of('warn')).toEqual([]);
  });

  it('is repeated for startTimeout ms, with one warning, and leaves nothing behind', async () => {
    const before = sockets();
    let connections = 0;
    const closing = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(closing, 'listening');
    const { port } = closing.address() as AddressInfo;
    const one = new CoordinatorService({ backendUrl: `redis://127.0.0.1:${port}`, startTimeout: 5000 });
    const begin = performance.now();
    const failure = expect(one.start()).rejects.toThrow(/the connection was closed/);
    expect(one.start()).toBeInstanceOf(Promise);
    await failure;
    expect(performance.now() - begin).toBeGreaterThanOrEqual(5000);
    expect(connections).toBeGreaterThan(2);
    expect(log.of('warn')).toEqual([
      expect.stringMatching(
        /^The coordinator cannot start yet and tries again for 5000 ms \(startTimeout\): Redis cannot be used: /,
      ),
    ]);
    expect(log.of('log')).toEqual([]);
    const tries = connections;
    closing.close();
    await eventually(() => sockets() <= before);
    expect(connections).toBe(tries);
  });

  it('succeeds when the back end comes up in time', async () => {
    const server = await serverThatIsDown();
    const one = new CoordinatorService({ backendUrl: urlOf(server), startTimeout: LONG });
    const [first, second] = [outcomeOf(one.start()), outcomeOf(one.start())];
    await eventually(() => log.of('warn').length > 0);
    expect([first.state, one.started]).toEqual(['pending', false]);
    await server.restart();
    await eventually(() => one.started);
    expect([first.state, second.state]).toEqual(['resolved', 'resolved']);
    expect(await one.using('a', () => 7)).toBe(7);
    expect(log.of('warn')).toHaveLength(1);
    await one.stop();
    await server.stop();
  });

  it('says at first that the password is wrong, and fails with that at the end', async () => {
    const server = await RedisServer.start({ password: 'right' });
    const backendUrl = `redis://:s3cret-but-wrong@127.0.0.1:${server.port}`;
    const one = new CoordinatorService({ backendUrl, startTimeout: 3000 });
    await expect(one.start()).rejects.toThrow('wrong user or password (WRONGPASS)');
    expect(log.of('warn')).toEqual([expect.stringContaining('wrong user or password (WRONGPASS)')]);
    expect(log.all).not.toContain('s3cret');
    await server.stop();
  });

  it.each(['refuses connections', 'accepts them and does not answer'])(
    'ends at once when it is stopped and the back end %s',
    async (how) => {
      const before = sockets();
      const server = await serverThatIsDown();
      if (how !== 'refuses connections') {
        await server.restart();
        server.pause();
      }
      const backendUrl = `${urlOf(server)}&connectTimeout=${LONG}`;
      const one = new CoordinatorService({ backendUrl, startTimeout: LONG });
      const starting = outcomeOf(one.start());
      if (how === 'refuses connections') await eventually(() => log.of('warn').length > 0);
      else await eventually(() => sockets() > before);
      await one.stop();
      expect(one.started).toBe(false);
      await eventually(() => starting.state === 'rejected');
      expect(starting.error).toBeInstanceOf(BackendUnavailableError);
      expect(starting.error).toMatchObject({
        message: expect.stringContaining('was stopped before it had started; call start() again') as string,
      });
      if (how !== 'refuses connections') server.resume();
      else await server.restart();
      await one.start();
      expect(await one.using('a', () => 7)).toBe(7);
      await one.stop();
      await server.stop();
      await eventually(() => sockets() <= before);
    },
  );

  it('ends at once when it is stopped in the same breath', async () => {
    const server = await RedisServer.start();
    server.pause();
    const one = new CoordinatorService({ backendUrl: `${server.url}?connectTimeout=${LONG}` });
    const starting = outcomeOf(one.start());
    await one.stop();
    await eventually(() => starting.state === 'rejected');
    await server.stop();
  });

  it('holds the boot of an application up until the back end is there', async () => {
    const server = await serverThatIsDown();
    const module = CoordinationModule.forRoot({ backendUrl: urlOf(server), startTimeout: LONG });
    const warned = vi.spyOn(Logger.prototype, 'warn');
    const booting = outcomeOf(boot([module]));
    await eventually(() => warned.mock.calls.length > 0);
    warned.mockRestore();
    expect(booting.state).toBe('pending');
    await server.restart();
    const app = await eventually(() => booting.value);
    expect(app.recorded.of('warn')).toEqual([expect.stringContaining('cannot start yet and tries again')]);
    expect(await app.get(CoordinatorService).using('a', () => 7)).toBe(7);
    await app.close();
    await server.stop();
  });
});
