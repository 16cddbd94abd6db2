import { setImmediate as nextTurn } from 'node:timers/promises';
import { type CoordinatorService, LeaseLostError } from 'nestjs-coordination';
import { type Application, startCoordinator } from './application.js';

/** What one cycle has to work with. */
export interface CycleContext {
  readonly application: Application;
  readonly backendUrl: string;
  readonly leasesExpire: boolean;
  /** The coordinator of the worker, and another one of this process. */
  readonly coordinator: CoordinatorService;
  readonly other: CoordinatorService;
  /** Of a lock that others want, or a new one. */
  readonly name: string;
  readonly random: () => number;
  /** As long-lived as an application's own. */
  readonly signal: AbortSignal;
  readonly count: (outcome: string) => void;
}

type Cycle = (context: CycleContext) => Promise<void>;

/** Shorter than what it takes to ask a node twice, ms. */
const SHORT_TTL = 60;

/** Each way to use a lock, with how often it is taken. */
const CYCLES: readonly (readonly [weight: number, cycle: Cycle])[] = [
  [30, acquireAndRelease],
  [24, use],
  [20, callSynchronized],
  [8, timeOut],
  [5, tryOnce],
  [5, abort],
  [4, listen],
  [2, useFenced],
  [1, breakOwn],
  [1, breakSomebodys],
  [0.2, startAndStop],
  [0.02, oversleep],
];
const TOTAL = CYCLES.reduce((sum, [weight]) => sum + weight, 0);

export function chooseCycle(random: () => number): Cycle {
  let left = random() * TOTAL;
  for (const [weight, cycle] of CYCLES) {
    left -= weight;
    if (left < 0) return cycle;
  }
  return acquireAndRelease;
}

async function acquireAndRelease({ coordinator, name, signal, count }: CycleContext): Promise<void> {
  const lock = coordinator.getLock(name);
  await lock.acquire({ signal });
  await nextTurn();
  count((await lock.release()) ? 'released' : 'lost');
}

async function use({ coordinator, name, signal, count }: CycleContext): Promise<void> {
  await coordinator.using(name, { signal }, (lease) => {
    lease.assertHeld();
    return nextTurn();
  });
  count('used');
}

async function callSynchronized({ application, name, count }: CycleContext): Promise<void> {
  await application.extend(name);
  count('called');
}

async function timeOut({ coordinator, name, random, count }: CycleContext): Promise<void> {
  const lock = coordinator.getLock(name);
  if (!(await lock.acquire(1 + 3 * random()))) return count('timed out');
  await nextTurn();
  await lock.release();
  count('in time');
}

async function tryOnce({ coordinator, name, count }: CycleContext): Promise<void> {
  const lock = coordinator.getLock(name);
  if (!(await lock.acquire(false))) return count('found taken');
  await nextTurn();
  await lock.release();
  count('found free');
}

async function abort({ coordinator, name, random, count }: CycleContext): Promise<void> {
  const controller = new AbortController();
  const lock = coordinator.getLock(name);
  const pending = lock.acquire({ signal: controller.signal });
  // It may fail before it is waited for.
  pending.catch(() => undefined);
  // Before it was asked for, while it is, or after.
  if (random() < 0.8) await nextTurn();
  const reason = new Error('aborted by its caller');
  controller.abort(reason);
  try {
    await pending;
  } catch (error) {
    if (error !== reason) throw error;
    return count('aborted');
  }
  await lock.release();
  count('aborted too late');
}

async function listen({ coordinator, name, count }: CycleContext): Promise<void> {
  const ends = [
    coordinator.on('lease.acquired', () => undefined),
    coordinator.on('lease.lost', () => undefined),
  ];
  try {
    await coordinator.using(name, async ({ signal }) => {
      const derived = AbortSignal.any([signal]);
      signal.addEventListener('abort', () => count('signals aborted'), { once: true });
      await nextTurn();
      derived.throwIfAborted();
    });
    count('listened');
  } finally {
    for (const end of ends) end();
  }
}

async function useFenced({ coordinator, random, count }: CycleContext): Promise<void> {
  await coordinator.using(`fenced-${Math.floor(3 * random())}`, { fencing: true }, () => nextTurn());
  count('used, fenced');
}

async function breakOwn({ coordinator, other, name, count }: CycleContext): Promise<void> {
  const lease = await coordinator.getLock(name).hold();
  try {
    await other.getLock(name).break();
  } finally {
    count((await lease.release()) ? 'broken in vain' : 'lost');
  }
}

async function breakSomebodys({ coordinator, name, count }: CycleContext): Promise<void> {
  count((await coordinator.getLock(name).break()) ? 'broken' : 'nothing to break');
}

async function startAndStop({ backendUrl, name, count }: CycleContext): Promise<void> {
  const coordinator = await startCoordinator(backendUrl);
  try {
    await coordinator.using(name, { blocking: 50 }, () => nextTurn());
  } finally {
    await coordinator.stop();
    count('coordinators started and stopped');
  }
}

/** The whole process stands still for longer than a lease lasts. */
async function oversleep({ coordinator, name, leasesExpire, count }: CycleContext): Promise<void> {
  const lease = await coordinator.getLock(name).hold({ ttl: SHORT_TTL });
  const wake = performance.now() + (leasesExpire ? SHORT_TTL : 1);
  while (performance.now() < wake) Math.sqrt(wake);
  try {
    lease.signal.throwIfAborted();
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
    count('overslept');
  }
  await lease.release();
}
