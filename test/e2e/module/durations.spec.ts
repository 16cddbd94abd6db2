import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { CoordinationModule, CoordinatorService, Lock, Synchronized } from 'nestjs-coordination';
import { afterTest, ownSpace } from '../synchronized/fixtures/test-app.js';
import { boot } from '../../support/boot.js';

@Injectable()
class Reports {
  @Synchronized('report', { blocking: '40ms', ttl: '1m' })
  async make(): Promise<string> {
    return 'made';
  }
}

async function start(): Promise<{ coordinator: CoordinatorService; reports: Reports }> {
  const backendUrl = `${ownSpace()}?blocking=70ms`;
  const app = await boot(
    [CoordinationModule.forRoot({ backendUrl, ttl: '20s', stopTimeout: '1s' })],
    [Reports],
  );
  afterTest(() => app.close());
  return { coordinator: app.get(CoordinatorService), reports: app.get(Reports) };
}

/** For how long a call that does not get its lock has waited, as its error says. */
async function refusalOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => new Error('it got the lock'),
    (error: unknown) => error,
  );
  return error instanceof Error ? error.message : String(error);
}

describe('a duration as text', () => {
  it.each([
    ['in the URL', (lock: Lock) => lock.hold(), /70 ms/],
    ['in the options of a call', (lock: Lock) => lock.hold({ blocking: '30ms' }), /30 ms/],
    ['of using', (lock: Lock) => lock.using({ blocking: '20ms' }, () => undefined), /20 ms/],
  ])('says how long to wait: %s', async (_where, call, message) => {
    const { coordinator } = await start();
    await coordinator.getLock('report').acquire();
    expect(await refusalOf(call(coordinator.getLock('report')))).toMatch(message);
  });

  it('says how long to wait: of acquire, of a lock, of @Synchronized', async () => {
    const { coordinator, reports } = await start();
    await using lease = await coordinator.getLock('report', { ttl: '1h' }).hold();
    expect(lease.name).toBe('report');
    expect(await coordinator.getLock('report').acquire('10ms')).toBe(false);
    expect(await refusalOf(coordinator.getLock('report', { blocking: '50ms' }).hold())).toMatch(/50 ms/);
    expect(await refusalOf(reports.make())).toMatch(/40 ms/);
  });

  it('is refused where it is none, with the name of the option', async () => {
    const { coordinator } = await start();
    await expect(coordinator.getLock('report').acquire('soon')).rejects.toThrow(
      /Lock "report": blocking must be .*got 'soon'; as text write/,
    );
    expect(() => coordinator.getLock('report', { ttl: 'long' })).toThrow(/ttl must be .*got 'long'/);
    expect(() => Synchronized('a', { ttl: 'long' })({}, 'm', { value: async () => {} })).toThrow(
      /ttl must be .*got 'long'/,
    );
  });
});
