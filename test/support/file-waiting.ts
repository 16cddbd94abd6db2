import type { Driver, Grant, Loss } from '../../lib/drivers/driver.js';

/** Waits for a lock as the layer above the drivers does: try, watch, try, wait for a wake-up. No polling of its own. */
export async function acquireWaiting(driver: Driver, name: string, fencing = false): Promise<Grant> {
  const tryOnce = () =>
    driver.tryAcquire({ name, ttl: 10_000, fencing, memberId: `p${process.pid}`, onRevoked });
  const first = await tryOnce();
  if (first.granted) return first.grant;
  let wake = () => undefined as void;
  let rang = false;
  const watch = driver.watch(name, () => {
    rang = true;
    wake();
  });
  try {
    await watch.ready;
    for (;;) {
      rang = false;
      const reply = await tryOnce();
      if (reply.granted) return reply.grant;
      if (!rang) await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    watch.close();
  }
}

function onRevoked({ message }: Loss): void {
  process.send?.({ revoked: message });
}
