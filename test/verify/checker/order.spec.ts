import { describe, expect, it } from 'vitest';
import { type QueueEvent, readHistory } from './history.js';
import { judgeOrder } from './order.js';

/** Each event a ms after the one before. */
const judge = (...events: [waiter: string, what: QueueEvent['what'], queue?: string][]): string[] =>
  judgeOrder(
    readHistory(
      events.map(([waiter, what, queue = 'node1'], at) => {
        return { type: 'queue', at, lock: 'share-7', queue, waiter, what };
      }),
    ),
  ).map(({ message }) => message);

describe('the judge of the order', () => {
  it('is content when those who joined first are granted first', () => {
    expect(judge(['a', 'joined'], ['b', 'joined'], ['a', 'granted'], ['b', 'granted'])).toEqual([]);
  });

  it('finds who is granted before somebody who joined earlier', () => {
    expect(judge(['a', 'joined'], ['b', 'joined'], ['b', 'granted'], ['a', 'granted'])).toEqual([
      'b (joined at 1.000 ms) was granted "share-7" on node1 at 2.000 ms, before a (joined at 0.000 ms)',
    ]);
  });

  it('finds who takes the lock without a place in the queue, while somebody waits', () => {
    expect(judge(['b', 'granted'], ['a', 'joined'], ['c', 'granted'])).toEqual([
      expect.stringContaining('c (never joined) was granted'),
    ]);
  });

  it('excuses those who left, were silent for too long, or came back', () => {
    expect(judge(['a', 'joined'], ['b', 'joined'], ['a', 'left'], ['b', 'granted'])).toEqual([]);
    expect(judge(['a', 'joined'], ['b', 'joined'], ['a', 'passed over'], ['b', 'granted'])).toEqual([]);
    expect(judge(['a', 'joined'], ['b', 'joined'], ['a', 'left'], ['a', 'joined'], ['b', 'granted'])).toEqual(
      [],
    );
  });

  it('keeps queues apart', () => {
    expect(judge(['a', 'joined'], ['b', 'joined', 'node2'], ['b', 'granted', 'node2'])).toEqual([]);
  });
});
