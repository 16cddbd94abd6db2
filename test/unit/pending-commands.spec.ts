import { describe, expect, it } from 'vitest';
import { NodeError } from '../../lib/drivers/redis/errors/node-error.js';
import { Exchange, Rank } from '../../lib/drivers/redis/node/exchange.js';
import { PendingCommands } from '../../lib/drivers/redis/node/pending-commands.js';
import { WINDOW } from '../../lib/drivers/redis/node/send-window.js';
import { FakeClock, settled } from '../support/fake-clock.js';

const TIMEOUT = 100;

function pendingCommands() {
  const clock = new FakeClock();
  const timeOuts: number[] = [];
  const rejected: string[] = [];
  const sent: Sent[] = [];
  const pending = new PendingCommands({
    clock,
    timeout: TIMEOUT,
    send: (exchange) => void sent.push(exchange as Sent),
    together: (sendAll) => sendAll(),
    onTimeout: () => {
      timeOuts.push(clock.monotonic());
      pending.rejectAll(new NodeError('no answer'), new NodeError('never sent', { sent: false }));
    },
  });
  class Sent extends Exchange {
    unwantedNow = false;
    constructor(readonly rank: Rank) {
      super();
    }
    override get unwanted() {
      return this.unwantedNow ? new NodeError('nobody wants it') : undefined;
    }
    send = () => Promise.resolve();
    onReply = () => undefined;
    onError = (error: NodeError) => void rejected.push(error.message);
  }
  const make = (rank: Rank = Rank.acquisition) => new Sent(rank);
  const add = (rank?: Rank) => {
    const exchange = make(rank);
    pending.submit(exchange);
    return exchange;
  };
  const addMany = (count: number, rank?: Rank) => Array.from({ length: count }, () => add(rank));
  /** The server answers so many, in their order. */
  const answer = (count: number) => {
    const open = sent.filter(({ settled }) => !settled).slice(0, count);
    for (const exchange of open) pending.settle(exchange);
    return settled();
  };
  return { clock, pending, timeOuts, rejected, sent, make, add, addMany, answer };
}

describe('commands that a node has not answered', () => {
  it('are given up together when none is answered in time', async () => {
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
    pending.rejectAll(new NodeError('no answer'), new NodeError('never sent'));
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
      pending.rejectAll(new NodeError('the connection was closed'), new NodeError('never sent'));
      add();
      callback();
    };
    await clock.advance(TIMEOUT);
    expect(clock.timers).toBe(1);
    expect(timeOuts).toEqual([]);
  });

  it('are not given up while the server answers, however old they are', async () => {
    const { clock, timeOuts, rejected, addMany, answer } = pendingCommands();
    addMany(4 * WINDOW);
    for (let round = 0; round < 40; round += 1) {
      await clock.advance(0.9 * TIMEOUT);
      await answer(WINDOW / 10);
    }
    expect(timeOuts).toEqual([]);
    expect(rejected).toEqual([]);
  });

  it('are given up when the server answers others, but not the oldest', async () => {
    const { clock, pending, timeOuts, add } = pendingCommands();
    const start = clock.monotonic();
    add();
    while (timeOuts.length === 0 && clock.monotonic() < start + 100 * TIMEOUT) {
      pending.settle(add());
      await clock.advance(TIMEOUT / 2);
    }
    expect((timeOuts[0] ?? Infinity) - start).toBeLessThan(5 * TIMEOUT);
  });

  it('are not given up because the event loop was blocked, which sends and reads nothing', async () => {
    const { clock, timeOuts, add } = pendingCommands();
    add();
    clock.block(10 * TIMEOUT);
    await clock.advance(TIMEOUT / 2);
    expect(timeOuts).toEqual([]);
    await clock.advance(TIMEOUT);
    expect(timeOuts).toHaveLength(1);
  });

  it('are no more at once than fit into the window', async () => {
    const { sent, pending, addMany, answer } = pendingCommands();
    addMany(3 * WINDOW);
    await settled();
    expect(sent).toHaveLength(WINDOW);
    for (let round = 0; round < 30; round += 1) {
      await answer(WINDOW / 10);
      expect(pending.underWay).toBeLessThanOrEqual(WINDOW);
    }
    expect(sent).toHaveLength(3 * WINDOW);
    expect([pending.underWay, pending.queued]).toEqual([0, 0]);
  });

  it('are fewer at once at a server that is slow, as many again when it is not', async () => {
    const { clock, pending, addMany, answer } = pendingCommands();
    addMany(20 * WINDOW);
    await settled();
    const most: number[] = [];
    for (let round = 0; round < 200; round += 1) {
      await clock.advance(round < 100 ? TIMEOUT / 2 : 1);
      await answer(100);
      most.push(pending.underWay);
    }
    expect(most[99]).toBeLessThanOrEqual(100);
    expect(most[199]).toBe(WINDOW);
  });

  it('let what holds leases go past a full window, and releases go before acquisitions', async () => {
    const { sent, addMany, answer } = pendingCommands();
    addMany(2 * WINDOW);
    await settled();
    const [releases, renewals] = [addMany(100, Rank.release), addMany(10, Rank.upkeep)];
    await settled();
    expect(sent.slice(WINDOW)).toEqual(renewals);
    await answer(150);
    expect(sent.slice(WINDOW + 10, WINDOW + 110)).toEqual(releases);
    expect(sent[WINDOW + 110]?.rank).toBe(Rank.acquisition);
  });

  it('have a bound also for what holds leases', async () => {
    const { pending, addMany } = pendingCommands();
    addMany(5 * WINDOW, Rank.upkeep);
    await settled();
    expect(pending.underWay).toBe(2 * WINDOW);
  });

  it('count from when they are sent, and know that moment on both clocks', async () => {
    const { clock, sent, addMany, answer } = pendingCommands();
    addMany(WINDOW + 1);
    await settled();
    await clock.advance(TIMEOUT / 8);
    await answer(1);
    const [last] = sent.slice(-1);
    expect(last?.sentAt).toBe(clock.monotonic());
    expect(last?.departure).toEqual({ monotonic: clock.monotonic(), wall: clock.wall() });
  });

  it('tell those that were never sent that they were not, when the server is silent', async () => {
    const { clock, rejected, addMany } = pendingCommands();
    addMany(2 * WINDOW);
    await settled();
    await clock.advance(TIMEOUT);
    expect(rejected.filter((message) => message === 'no answer')).toHaveLength(WINDOW);
    expect(rejected.filter((message) => message === 'never sent')).toHaveLength(WINDOW);
    expect(clock.timers).toBe(0);
  });

  it('are told while they wait that nobody wants them, and are not sent', async () => {
    const { clock, sent, rejected, pending, addMany, answer } = pendingCommands();
    addMany(WINDOW);
    const waiting = addMany(10);
    await settled();
    for (const exchange of waiting.slice(0, 9)) exchange.unwantedNow = true;
    await clock.advance(TIMEOUT - 1);
    expect(rejected).toHaveLength(9);
    expect(pending.queued).toBe(1);
    for (const exchange of waiting) exchange.unwantedNow = true;
    await answer(WINDOW);
    expect(rejected).toHaveLength(10);
    expect(sent).toHaveLength(WINDOW);
  });

  it('are not sent at once either when nobody wants them', () => {
    const { clock, sent, rejected, pending, make } = pendingCommands();
    const exchange = make();
    exchange.unwantedNow = true;
    pending.submit(exchange);
    expect(rejected).toEqual(['nobody wants it']);
    expect([sent.length, pending.underWay, clock.timers]).toEqual([0, 0, 0]);
  });
});
