import type { History, QueueEvent } from './history.js';
import { ms, type Violation } from './violation.js';

/**
 * Who was granted a lock before somebody who had joined the same queue earlier, and was still in it: neither left, nor was
 * silent for too long. Who comes and takes a free lock without a place in the queue is before everybody there.
 */
export function judgeOrder({ queues }: Pick<History, 'queues'>): Violation[] {
  const violations: Violation[] = [];
  /** By queue, in the order in which they joined. */
  const waiting = new Map<string, Map<string, QueueEvent>>();
  for (const event of queues.toSorted((a, b) => a.at - b.at)) {
    const queue = waiting.get(event.queue) ?? new Map<string, QueueEvent>();
    waiting.set(event.queue, queue);
    const [first] = queue.values();
    if (event.what === 'granted' && first && first.waiter !== event.waiter)
      violations.push(inversion(first, event, queue.get(event.waiter)));
    // Who comes back is behind all others.
    queue.delete(event.waiter);
    if (event.what === 'joined') queue.set(event.waiter, event);
  }
  return violations;
}

function inversion(first: QueueEvent, granted: QueueEvent, joined: QueueEvent | undefined): Violation {
  const how = joined ? `joined at ${ms(joined.at)}` : 'never joined';
  const message =
    `${granted.waiter} (${how}) was granted "${granted.lock}" on ${granted.queue} at ${ms(granted.at)}, ` +
    `before ${first.waiter} (joined at ${ms(first.at)})`;
  return { judge: 'order', lock: granted.lock, message };
}
