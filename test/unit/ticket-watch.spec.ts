import { beforeEach, describe, expect, it } from 'vitest';
import type { WatchListener } from '../../lib/drivers/file/peers/peer.js';
import { TicketWatch } from '../../lib/drivers/file/queue/ticket-watch.js';
import { FakeClock } from '../support/fake-clock.js';

const TICKET = { path: '/queues/l.1.3', id: 'l.1.3', sequence: 1, instance: 3 };

describe('somebody who waits before us', () => {
  let clock: FakeClock;
  let told: string[];
  let asked: WatchListener[];
  let seatTaken: boolean;
  let watch: TicketWatch;

  /** The last question. */
  const last = (): WatchListener => asked.at(-1)!;

  beforeEach(() => {
    clock = new FakeClock();
    told = [];
    asked = [];
    seatTaken = true;
    watch = new TicketWatch(
      TICKET,
      {
        clock,
        peers: { watch: (_path, _id, listener) => (asked.push(listener), () => told.push('left alone')) },
        instances: { isTaken: () => seatTaken, socketOf: () => '/3.sock' },
        tickets: { discard: () => told.push('discarded'), passOver: () => told.push('passed over') },
      },
      { onAlive: () => told.push('alive'), onEnd: () => told.push('look again') },
    );
  });

  it('is asked every half a second, and kept while it answers', async () => {
    for (let times = 1; times <= 10; times += 1) {
      expect(asked).toHaveLength(times);
      await clock.advance(400);
      last().held();
      await clock.advance(499);
      expect(asked).toHaveLength(times);
      await clock.advance(1);
    }
    expect(new Set(told)).toEqual(new Set(['alive']));
  });

  it('is done with when it says that it waits no more', async () => {
    last().held();
    last().gone('ended');
    expect(told).toEqual(['alive', 'discarded', 'look again']);
    await clock.advance(10_000);
    expect(told).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });

  it('is passed over when it is silent for half a second', async () => {
    await clock.advance(499);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(['left alone', 'passed over', 'look again']);
    expect(clock.timers).toBe(0);
  });

  it('is passed over when it falls silent later', async () => {
    last().held();
    await clock.advance(999);
    expect(told).toEqual(['alive']);
    await clock.advance(1);
    expect(told).toEqual(['alive', 'left alone', 'passed over', 'look again']);
  });

  it('is done with at once when its process has died', () => {
    last().held();
    seatTaken = false;
    last().gone('unreachable');
    expect(told).toEqual(['alive', 'look again']);
  });

  it('is done with in a moment when the kernel has not unlocked its seat yet', async () => {
    last().gone('unreachable');
    expect(told).toEqual([]);
    seatTaken = false;
    await clock.advance(2);
    last().gone('unreachable');
    expect(told).toEqual(['look again']);
  });

  it('is passed over when it lives and cannot be reached for half a second', async () => {
    for (let ms = 0; ms < 500; ms += 1) {
      const question = asked.length;
      await clock.advance(1);
      if (ms === 0 || asked.length > question) last().gone('unreachable');
      expect(told).toEqual([]);
    }
    await clock.advance(250);
    last().gone('unreachable');
    expect(told).toEqual(['passed over', 'look again']);
  });

  it('is asked once more when it was we who were held up', async () => {
    clock.block(700);
    await clock.advance(0);
    expect(asked).toHaveLength(2);
    last().held();
    expect(told).toEqual(['alive']);
  });

  it('is passed over at last though we are held up again and again', async () => {
    clock.block(700);
    await clock.advance(0);
    clock.block(700);
    await clock.advance(0);
    expect(told).toEqual(['left alone', 'passed over', 'look again']);
  });

  it('is not passed over when its answer has come and was not read yet', async () => {
    const advancing = clock.advance(500);
    clock.afterInput(() => last().held());
    await advancing;
    expect(told).toEqual(['alive']);
  });

  it('is left alone when we wait no more', async () => {
    watch.close();
    expect(told).toEqual(['left alone']);
    last().held();
    last().gone('unreachable');
    await clock.advance(10_000);
    expect(told).toEqual(['left alone']);
    expect(clock.timers).toBe(0);
  });
});
