import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CoordinationModule,
  CoordinatorService,
  currentLease,
  InvalidOptionsError,
  Lock,
  Synchronized,
} from 'nestjs-coordination';
import { boot } from '../../support/boot.js';
import { LockManagerBench } from '../../support/lock-manager-bench.js';

type Token = number | undefined;

@Injectable()
class ShareService {
  @Synchronized('share')
  async plain(): Promise<Token> {
    return currentLease()?.fencingToken;
  }

  @Synchronized('share', { fencing: true })
  async fenced(): Promise<Token> {
    return currentLease()?.fencingToken;
  }

  @Synchronized('share', { fencing: false })
  async unfenced(): Promise<Token> {
    return currentLease()?.fencingToken;
  }
}

const apps: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function application(fencing?: boolean) {
  const options = { backendUrl: `memory:fencing-${apps.length}`, ...(fencing !== undefined && { fencing }) };
  const app = await boot([CoordinationModule.forRoot(options)], [ShareService]);
  apps.push(app);
  return { shares: app.get(ShareService), coordinator: app.get(CoordinatorService) };
}

async function tokenOf(lock: Lock, options = {}): Promise<Token> {
  await using lease = await lock.hold(options);
  expect(lock.lease?.fencingToken).toBe(lease.fencingToken);
  return lease.fencingToken;
}

describe('a fencing token', () => {
  it('is not given unless it is asked for', async () => {
    const { shares, coordinator } = await application();
    expect(await shares.plain()).toBeUndefined();
    expect(await tokenOf(coordinator.getLock('share'))).toBeUndefined();
    expect(await coordinator.using('share', (lease) => lease.fencingToken)).toBeUndefined();
  });

  it('is given to every lease when the module says so, unless a lock says otherwise', async () => {
    const { shares, coordinator } = await application(true);
    expect(await shares.plain()).toEqual(expect.any(Number));
    expect(await shares.unfenced()).toBeUndefined();
    expect(await tokenOf(coordinator.getLock('share'))).toEqual(expect.any(Number));
    expect(await tokenOf(coordinator.getLock('share', { fencing: false }))).toBeUndefined();
    expect(await tokenOf(coordinator.getLock('share'), { fencing: false })).toBeUndefined();
  });

  it('is given where a lock, a call or a method asks for it', async () => {
    const { shares, coordinator } = await application();
    const tokens = [
      await shares.fenced(),
      await tokenOf(coordinator.getLock('share', { fencing: true })),
      await tokenOf(coordinator.getLock('share'), { fencing: true }),
      await tokenOf(new Lock('share', {}, coordinator, { fencing: true })),
      await coordinator.using('share', { fencing: true }, (lease) => lease.fencingToken),
      await coordinator.using('share', { fencing: true }, () => currentLease()?.fencingToken),
    ];
    for (const token of tokens) expect(token).toEqual(expect.any(Number));
    expect(tokens).toEqual(tokens.toSorted((a, b) => Number(a) - Number(b)));
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  it('is told with the event, where there is one', async () => {
    const { coordinator } = await application();
    const events: object[] = [];
    coordinator.on('lease.acquired', (event) => events.push(event));
    const token = await tokenOf(coordinator.getLock('share'), { fencing: true });
    await tokenOf(coordinator.getLock('share'));
    expect(events).toEqual([
      expect.objectContaining({ fencingToken: token }),
      expect.not.objectContaining({ fencingToken: expect.anything() as unknown }),
    ]);
  });

  it('is asked for in the try itself, and stays when the lease is renewed', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    const lease = await bench.take({ fencing: true });
    expect(bench.driver.calls).toEqual([{ operation: 'acquire', name: 'lock', ttl: 1000, fencing: true }]);
    await bench.clock.advance(5000);
    expect([lease.held, lease.fencingToken]).toEqual([true, 1]);
  });

  it.each(['module', 'lock', 'call', 'method'])('has to be asked for with a boolean (%s)', async (where) => {
    const options = { fencing: 'yes' as unknown as boolean };
    const { coordinator } = await application();
    const attempts: Record<string, () => unknown> = {
      module: () => new CoordinatorService(options),
      lock: () => coordinator.getLock('share', options),
      call: () => coordinator.getLock('share').acquire(options),
      method: () => Synchronized('share', options)({}, 'method', { value: async () => undefined }),
    };
    const attempt = async (): Promise<unknown> => attempts[where]?.();
    await expect(attempt()).rejects.toBeInstanceOf(InvalidOptionsError);
    await expect(attempt()).rejects.toThrow(/fencing.* must be true or false, got 'yes'/);
  });
});
