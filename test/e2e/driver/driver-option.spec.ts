import { afterEach, describe, expect, it } from 'vitest';
import {
  CoordinationModule,
  CoordinatorService,
  type Driver,
  type DriverFactoryContext,
  InvalidOptionsError,
} from 'nestjs-coordination';
import { MemoryDriver } from '../../../lib/drivers/memory/memory.driver.js';
import { boot, bootError } from '../../support/boot.js';

const driver = (context: DriverFactoryContext): Driver => new MemoryDriver('driver-option', context);
const client = { status: 'wait', options: {}, evalsha: () => undefined };
const coordinators: CoordinatorService[] = [];

afterEach(async () => {
  await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
});

async function startError(made: unknown): Promise<Error> {
  const coordinator = new CoordinatorService({ driver: () => made as Driver });
  return coordinator.start().then(
    () => new Error('it started'),
    (error: Error) => error,
  );
}

function problemWith(options: object): string {
  try {
    coordinators.push(new CoordinatorService(options));
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.message;
    throw error;
  }
  return 'the options were accepted';
}

describe('the option driver', () => {
  it.each([
    ['forRoot', () => CoordinationModule.forRoot({ driver })],
    ['forRootAsync', () => CoordinationModule.forRootAsync({ useFactory: async () => ({ driver }) })],
  ])('is taken by %s', async (_, module) => {
    const app = await boot([module()]);
    try {
      expect(app.recorded.all).toContain('memory driver-option');
      expect(await app.get(CoordinatorService).using('a', async () => 'held')).toBe('held');
    } finally {
      await app.close();
    }
  });

  it('may make the driver later, and is asked once for each start, with the context of the coordinator', async () => {
    const contexts: DriverFactoryContext[] = [];
    const coordinator = new CoordinatorService({
      driver: async (context) => {
        contexts.push(context);
        return driver(context);
      },
      ttl: '7s',
      prefix: 'p-',
    });
    coordinators.push(coordinator);
    await coordinator.start();
    await coordinator.stop();
    await coordinator.start();
    expect(contexts).toHaveLength(2);
    expect(contexts[0]).toMatchObject({ ttl: 7000, prefix: 'p-' });
  });

  it.each([
    [{ driver, backendUrl: 'memory:' }, 'driver and backendUrl (COORDINATION_BACKEND_URL) are both given'],
    [{ driver, redis: { clients: [client] } }, 'driver and redis.clients are both given'],
    [{ driver: 'mysql' }, "driver must be a function that makes a driver, got 'mysql'"],
    [{ driver: null }, 'driver must be a function that makes a driver, got null'],
    [{ driver, ttl: 0 }, '(1) ttl (COORDINATION_TTL)'],
  ])('is refused by name: %j', (options, message) => {
    expect(problemWith(options)).toContain(message);
  });

  it('may stand beside the settings of a back end that is not used', () => {
    expect(problemWith({ driver, redis: { maxTtl: '1m' }, backendUrl: undefined })).toBe(
      'the options were accepted',
    );
  });

  it('fails the boot in one line when it is wrong', async () => {
    const error = await bootError([CoordinationModule.forRoot({ driver, backendUrl: 'memory:' })]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error.message).toMatch(
      /^The options of CoordinationModule are wrong: \(1\) driver and backendUrl [^\n]*; leave one out$/,
    );
  });

  it.each([[undefined], [{}], [MemoryDriver]])(
    'says so when the function makes no driver, but %s',
    async (made) => {
      const error = await startError(made);
      expect(error).toBeInstanceOf(InvalidOptionsError);
      expect(error.message).toMatch(
        /^The option driver of CoordinationModule must make an object with start\(\)[^\n]*, got [^\n]+$/,
      );
    },
  );
});
