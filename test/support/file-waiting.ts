import type { Driver, Grant, Loss } from '../../lib/drivers/driver.js';

/** Waits for a lock as the layer above the drivers does: from a place, trying when it is woken. No polling of its own. */
export async function acquireWaiting(driver: Driver, name: string, fencing = false): Promise<Grant> {
  let wake = () => undefined as void;
  let rang = false;
  const place = driver.lineUp({ name, ttl: 10_000, fencing, memberId: `p${process.pid}`, onRevoked }, () => {
    rang = true;
    wake();
  });
  try {
    for (;;) {
      rang = false;
      const reply = await place.tryAcquire();
      if (reply.granted) return reply.grant;
      const ready = place.ready();
      if (ready) await ready;
      else if (!rang) await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    await place.leave();
  }
}

function onRevoked({ message }: Loss): void {
  process.send?.({ revoked: message });
}
