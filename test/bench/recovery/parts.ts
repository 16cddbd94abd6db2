import { Logger } from '@nestjs/common';
import { type CoordinationOptions, CoordinatorService } from 'nestjs-coordination';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { type RedisServer, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

export const LOCK = 'wanted';

/** What the configuration of a node that keeps every write over a restart says. */
const DURABLE = ['appendonly yes', 'appendfsync always'];

export interface Nodes {
  readonly servers: readonly RedisServer[];
  readonly url: string;
}

/** Runs `body` with servers of its own. */
export async function withNodes<T>(
  count: number,
  data: 'kept' | 'lost',
  body: (nodes: Nodes) => Promise<T>,
): Promise<T> {
  const servers = await startRedisNodes(count, data === 'kept' ? { args: DURABLE } : {});
  try {
    return await body({ servers, url: servers.map(({ url }) => url).join(',') });
  } finally {
    await stopAllRedis();
  }
}

export async function withDirectory<T>(body: (url: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'coordination-recovery-'));
  try {
    return await body(`file://${directory}/state`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs `body` with a started coordinator. */
export async function withCoordinator<T>(
  options: CoordinationOptions,
  body: (coordinator: CoordinatorService) => Promise<T>,
): Promise<T> {
  Logger.overrideLogger(['fatal']);
  const coordinator = new CoordinatorService(options);
  await coordinator.start();
  try {
    return await body(coordinator);
  } finally {
    await coordinator.stop();
  }
}

/** What the holder's process is told, as its argument. */
export interface HoldOrder {
  readonly backendUrl: string;
  readonly ttl: number;
}

/** Runs `body` while a process of its own holds the lock; `signal` sends it a signal. */
export async function withHolder<T>(
  order: HoldOrder,
  body: (signal: (name: 'SIGKILL' | 'SIGSTOP') => void) => Promise<T>,
): Promise<T> {
  const script = process.argv[1] ?? '';
  const child = fork(script, ['--hold', JSON.stringify(order)]);
  const exited = once(child, 'exit');
  try {
    await Promise.race([once(child, 'message'), exited]);
    if (child.exitCode !== null) throw new Error(`the holder ended with code ${child.exitCode}`);
    return await body((name) => child.kill(name));
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

/** What the holder's process does. */
export async function hold({ backendUrl, ttl }: HoldOrder): Promise<void> {
  Logger.overrideLogger(['fatal']);
  const coordinator = new CoordinatorService({ backendUrl, ttl });
  await coordinator.start();
  await coordinator.getLock(LOCK).hold();
  // Nothing of the coordinator keeps a process alive; listening to its parent does, as long as that lives.
  process.on('message', () => undefined);
  process.send?.('held');
}

/**
 * Has a call wait for the lock, breaks something, and tells how long after that the call runs under it, ms.
 * @param disturb resolves to when it broke, on the monotonic clock
 */
export async function untilServed(
  coordinator: CoordinatorService,
  disturb: () => Promise<number> | number,
  ttl: number,
): Promise<number> {
  const waiting = new Promise<void>((resolve) => {
    const end = coordinator.on('lease.waiting', () => {
      end();
      resolve();
    });
  });
  const served = coordinator.using(LOCK, { blocking: true }, () => performance.now());
  const tooEarly = served.then(() => {
    throw new Error('the holder lost its lock before one waited for it');
  });
  await Promise.race([waiting, tooEarly]);
  // Long enough to be subscribed, and then at any moment between two renewals.
  await after(ttl / 3 + (Math.random() * ttl) / 3);
  const brokenAt = await disturb();
  return (await served) - brokenAt;
}

/** How long it takes until a call gets the lock, of those that ask again whenever they are refused, ms. */
export async function untilUsable(coordinator: CoordinatorService): Promise<number> {
  const since = performance.now();
  for (;;) {
    try {
      return (await coordinator.using(LOCK, () => performance.now())) - since;
    } catch {
      // Refused, as the back end is away or sits out its restart: an application would ask again, too.
      await after(5);
    }
  }
}
