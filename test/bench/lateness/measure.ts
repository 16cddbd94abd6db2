import { setTimeout as after } from 'node:timers/promises';
import { systemClock } from '../../../lib/common/clock.js';
import { CoordinatorEmitter } from '../../../lib/common/coordinator.emitter.js';
import { HeldLease } from '../../../lib/lock/lease/held-lease.js';
import { LockManager } from '../../../lib/lock/lock-manager.js';
import { ScriptedDriver } from '../../support/scripted-driver.js';

/** Leases that are held at the same time. */
const AT_ONCE = 200;
/** The shortest ttl and how much longer the longest is, ms. */
const TTL = { shortest: 50, spread: 200 };

/** Grants at once, and answers no renewal: every lease runs out. */
class MuteDriver extends ScriptedDriver {
  constructor() {
    super();
    this.locks.renew = () => new Promise(() => undefined);
  }
}

/** Work that keeps the event loop busy, a piece of so many ms after the other. */
export interface BusyLoop {
  readonly piece: number;
}

/** By how many ms something came after the deadline of each lease. */
export interface Lateness {
  /** The abort event. */
  readonly events: number[];
  /** A timer of the system that was set for the same moment: what the machine allows. */
  readonly timers: number[];
}

/** Takes leases that nobody can renew, and lets them run out. */
export async function measureLateness(leases: number, busy?: BusyLoop): Promise<Lateness> {
  const driver = new MuteDriver();
  const settings = { agentId: '1', prefix: '', memberId: '1', blocking: true, fencing: false };
  const manager = new LockManager(
    { ...settings, ttl: TTL.shortest, heartbeat: TTL.shortest / 3 },
    {
      driver,
      clock: systemClock,
      events: new CoordinatorEmitter(() => undefined),
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined },
    },
  );
  const stopWork = busy ? workHard(busy) : () => undefined;
  const lateness: Lateness = { events: [], timers: [] };
  const runOut = async (name: string): Promise<void> => {
    const ttl = Math.round(TTL.shortest + Math.random() * TTL.spread);
    const waitLimit = manager.waitLimit(true);
    const lease = await manager.acquire({ name, ttl, fencing: false, fair: false, label: '', waitLimit });
    if (!(lease instanceof HeldLease)) throw new Error('the lock was not to be had');
    // Taken once: to take it is a look at the clock, too, which may end the lease before anybody listens.
    const { signal } = lease;
    if (signal.aborted) {
      // It ran out before anybody could listen, as on a machine that is very busy: another one, then.
      await lease.release();
      return runOut(name);
    }
    const late = (): number => performance.now() - lease.monotonicDeadline;
    const timer = new Promise<void>((resolve) => {
      systemClock.setTimer(-late(), () => resolve(void lateness.timers.push(late())));
    });
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(void lateness.events.push(late())));
    });
    await Promise.all([timer, lease.release()]);
  };
  const worker = async (number: number): Promise<void> => {
    for (let lease = number; lease < leases; lease += AT_ONCE) await runOut(`lock-${lease}`);
  };
  // The leases' own timers do not keep a process alive.
  const alive = setInterval(() => undefined, 1000);
  try {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, leases) }, (_, number) => worker(number)));
  } finally {
    clearInterval(alive);
    stopWork();
  }
  await manager.stop(0);
  await after(0);
  return lateness;
}

function workHard({ piece }: BusyLoop): () => void {
  let working = true;
  const work = (): void => {
    const end = performance.now() + piece;
    while (performance.now() < end);
    if (working) setImmediate(work);
  };
  work();
  return () => {
    working = false;
  };
}
