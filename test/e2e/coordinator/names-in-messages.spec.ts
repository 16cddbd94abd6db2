import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CoordinatorService, type LockNameError, Synchronized } from 'nestjs-coordination';
import { RecordedLog } from '../../support/recorded-log.js';
import { RedisServer, stopAllRedis } from '../../support/redis-server.js';

/** As a client could choose it, to write lines of its own into the log of an application. */
const NAME = `share\r\n[Nest] ERROR all is lost\u001b[2J\u2028${'x'.repeat(20_000)}`;

let directory = '';
let redis: RedisServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coordination-names-'));
  redis = await RedisServer.start();
});

afterAll(async () => {
  await stopAllRedis();
  await rm(directory, { recursive: true });
});

const urls = {
  memory: () => 'memory:names',
  file: () => `file://${directory}`,
  redis: () => `${redis.url}?commandTimeout=5000`,
};

function expectOneLine(text: string): void {
  expect(text).not.toMatch(/[\p{Cc}\p{Zl}]/u);
  expect(text.length).toBeLessThan(1500);
  expect(text).toContain('share\\u000d\\u000a[Nest] ERROR all is lost\\u001b[2J\\u2028xxx');
}

describe.each(['memory', 'file', 'redis'] as const)('a name that is made to deceive, on %s', (kind) => {
  it('stays in its line in every error and every line of the log', async () => {
    const log = RecordedLog.install();
    const coordinator = new CoordinatorService({ backendUrl: urls[kind](), ttl: 2000, stopTimeout: 0 });
    const messages: string[] = [];
    const failed = async (work: Promise<unknown>): Promise<void> => {
      messages.push(await work.then(String, (error: Error) => error.message));
    };
    const refusal = (): string => {
      try {
        return coordinator.getLock(NAME).name;
      } catch (error) {
        return (error as Error).message;
      }
    };
    messages.push(refusal());
    await coordinator.start();
    const lease = await coordinator.getLock(NAME).hold();
    await failed(coordinator.using(NAME, { blocking: 1 }, () => undefined));
    await failed(coordinator.using(NAME, { ttl: 1 }, () => undefined));
    await failed(coordinator.using(NAME, undefined as never));
    await coordinator.getLock(NAME).break();
    await failed(Promise.resolve().then(() => lease.assertHeld()));
    await lease.release();
    await coordinator.using(NAME, async function outer() {
      await failed(coordinator.using(NAME, { blocking: false }, function inner() {}));
    });
    await coordinator.stop();
    for (const message of messages) expectOneLine(message);
    for (const { text } of log.lines.filter((line) => line.text.includes('share'))) expectOneLine(text);
    expect(log.all).not.toContain('\u001b');
  });
});

it('what a key function says of it stays in its line too', async () => {
  class Shares {
    constructor(readonly coordinator: CoordinatorService) {}

    @Synchronized((name: string) => {
      throw new Error(`no such name: ${name}`);
    })
    async extend(name: string): Promise<string> {
      return name;
    }
  }
  const coordinator = new CoordinatorService({ backendUrl: 'memory:names' });
  await coordinator.start();
  const shares = new Shares(coordinator);
  for (const name of [NAME, NAME.replaceAll('\n', ' ')]) {
    const error: unknown = await shares.extend(name).catch((thrown: unknown) => thrown);
    const { message } = error as LockNameError;
    expect(message).toContain('its lock name function failed: Error: no such name: share\\u000d');
    expect(message).not.toMatch(/[\p{Cc}\p{Zl}]/u);
    expect(message.length).toBeLessThan(1500);
  }
  await coordinator.stop();
});

describe('a back end that is away', () => {
  it('is told of in one line', async () => {
    RecordedLog.install();
    const server = await RedisServer.start();
    const coordinator = new CoordinatorService({
      backendUrl: `${server.url}?commandTimeout=5000`,
      ttl: 1000,
      stopTimeout: 0,
    });
    await coordinator.start();
    await server.stop();
    const errors = await Promise.all([
      coordinator.using(NAME, { blocking: false }, () => undefined).catch((error: Error) => error.message),
      coordinator
        .getLock(NAME)
        .break()
        .catch((error: Error) => error.message),
    ]);
    for (const message of errors) expectOneLine(String(message));
    await coordinator.stop();
  });
});
