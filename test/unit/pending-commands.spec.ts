import { describe, expect, it } from 'vitest';
import { NodeError } from '../../lib/drivers/redis/node-error.js';
import { Exchange, PendingCommands } from '../../lib/drivers/redis/pending.js';
import { FakeClock } from '../support/fake-clock.js';

const TIMEOUT = 100;

function pendingCommands() {
  const clock = new FakeClock();
  const timeOuts: number[] = [];
  const rejected: string[] = [];
  const pending = new PendingCommands(clock, TIMEOUT, () => {
    timeOuts.push(clock.monotonic());
    pending.rejectAll(new NodeError('no answer'));
  });
  class Sent extends Exchange {
    send = () => Promise.resolve();
    onReply = () => undefined;
    onError = (error: NodeError) => void rejected.push(error.message);
  }
  const add = () => {
    const exchange = new Sent();
    pending.add(exchange);
    return exchange;
  };
  return { clock, pending, timeOuts, rejected, add };
}

describe('commands that a node has not answered', () => {
  it('are given up together when the oldest is late', async () => {
    const { clock, timeOuts, rejected, add } = pendingCommands();
    const start = clock.monotonic();
    add();
    await clock.advance(60);
    add();
    await clock.advance(39);
    expect(timeOuts).toEqual([]);
    await clock.advance(1);
    expect(timeOuts).toEqual([start + TIMEOUT]);
    expect(rejected).toEqual(['no answer', 'no answer']);
  });

  it('have no answer any more once they are given up', () => {
    const { pending, rejected, add } = pendingCommands();
    const [first, second] = [add(), add()];
    expect(pending.settle(second)).toBe(true);
    pending.rejectAll(new NodeError('no answer'));
    expect([pending.settle(first), pending.settle(second)]).toEqual([false, false]);
    expect(rejected).toEqual(['no answer']);
  });

  it('are watched by one timer, which ends with the last of them', async () => {
    const { clock, pending, timeOuts, add } = pendingCommands();
    for (let round = 0; round < 50; round += 1) {
      const entry = add();
      await clock.advance(10);
      expect(pending.settle(entry)).toBe(true);
      expect(clock.timers).toBeLessThanOrEqual(1);
    }
    await clock.advance(TIMEOUT);
    expect(clock.timers).toBe(0);
    expect(timeOuts).toEqual([]);
  });

  it('are not given up when the answer of the oldest was there, and only waited to be read', async () => {
    const { clock, pending, timeOuts, rejected, add } = pendingCommands();
    const entry = add();
    clock.afterInput = (callback) => {
      pending.settle(entry);
      callback();
    };
    await clock.advance(TIMEOUT);
    expect(timeOuts).toEqual([]);
    expect(rejected).toEqual([]);
  });

  it('are watched by one timer also when all were given up while the answers were read', async () => {
    const { clock, pending, timeOuts, add } = pendingCommands();
    add();
    clock.afterInput = (callback) => {
      pending.rejectAll(new NodeError('the connection was closed'));
      add();
      callback();
    };
    await clock.advance(TIMEOUT);
    expect(clock.timers).toBe(1);
    expect(timeOuts).toEqual([]);
  });
});
