import { enqueue } from './driver-calls.js';
import type { Driver, Grant, Loss, QueuedWaiter } from '../../lib/drivers/driver.js';

export interface Waiting {
  readonly fencing?: boolean;
  /** Ends the waiting, which then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** What the port asks of those who wait, ms: a wake-up may be lost. */
const LONGEST_LOOK_AWAY = 1000;

/** Waits for a lock as the layer above the drivers does: from a place, trying when it is woken, and once a second. */
export async function acquireWaiting(
  driver: Driver,
  name: string,
  { fencing = false, signal }: Waiting = {},
): Promise<Grant> {
  let wake = () => undefined as void;
  let rang = false;
  const ring = () => {
    rang = true;
    wake();
  };
  const place = enqueue(driver, { name, ttl: 10_000, fencing, memberId: `p${process.pid}`, onRevoked }, ring);
  signal?.addEventListener('abort', ring);
  try {
    for (;;) {
      signal?.throwIfAborted();
      rang = false;
      const reply = await place.tryAcquire();
      if (reply.granted) return reply.grant;
      const ready = place.ready();
      if (ready) await ready;
      else if (!rang) {
        await new Promise<void>((resolve) => {
          const look = setTimeout(resolve, LONGEST_LOOK_AWAY);
          wake = () => {
            clearTimeout(look);
            resolve();
          };
        });
      }
    }
  } finally {
    signal?.removeEventListener('abort', ring);
    await place.leave();
  }
}

/** A place at a lock that is taken, from its first try on. */
export async function waitAt(
  driver: Driver,
  name: string,
  wake: () => void = () => undefined,
): Promise<QueuedWaiter> {
  const place = enqueue(driver, { name, ttl: 10_000, fencing: false, memberId: 'member', onRevoked }, wake);
  const reply = await place.tryAcquire();
  if (reply.granted) throw new Error(`${name} is free`);
  await place.ready();
  return place;
}

function onRevoked({ message }: Loss): void {
  process.send?.({ revoked: message });
}
