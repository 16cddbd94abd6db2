import { describe, expect, it } from 'vitest';
import { Schedule } from '../../lib/common/schedule.js';
import { FakeClock } from '../support/fake-clock.js';

describe('a schedule', () => {
  it('runs appointments in the order of their times, on one timer', async () => {
    const clock = new FakeClock();
    const schedule = new Schedule(clock);
    const ran: number[] = [];
    for (const ms of [50, 10, 40, 20, 30, 10]) schedule.in(ms, () => ran.push(ms));
    expect(clock.timers).toBe(1);
    await clock.advance(35);
    expect(ran).toEqual([10, 10, 20, 30]);
    await clock.advance(15);
    expect(ran).toEqual([10, 10, 20, 30, 40, 50]);
    expect(clock.timers).toBe(0);
  });

  it('runs what was added earlier than the present timer in time', async () => {
    const clock = new FakeClock();
    const schedule = new Schedule(clock);
    const ran: string[] = [];
    schedule.in(100, () => ran.push('late'));
    schedule.in(10, () => ran.push('early'));
    await clock.advance(10);
    expect(ran).toEqual(['early']);
  });

  it('runs neither what was called off nor anything twice, whatever the order', async () => {
    const clock = new FakeClock();
    const schedule = new Schedule(clock);
    let seed = 7;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const expected: number[] = [];
    const ran: number[] = [];
    for (let index = 0; index < 2000; index += 1) {
      const ms = Math.floor(random() * 1000);
      const appointment = schedule.in(ms, () => ran.push(ms));
      if (random() < 0.8) {
        appointment.cancel();
        appointment.cancel();
      } else expected.push(ms);
    }
    await clock.advance(1000);
    expect(ran).toEqual(expected.sort((a, b) => a - b));
  });

  it('never runs what is due at Infinity', async () => {
    const clock = new FakeClock();
    const schedule = new Schedule(clock);
    schedule.at(Infinity, () => expect.unreachable()).cancel();
    expect(clock.timers).toBe(0);
  });

  it('has no timer left once cleared, and an appointment can add another one', async () => {
    const clock = new FakeClock();
    const schedule = new Schedule(clock);
    const ran: string[] = [];
    schedule.in(10, () => schedule.in(10, () => ran.push('second')));
    await clock.advance(20);
    expect(ran).toEqual(['second']);
    schedule.in(10, () => ran.push('third'));
    schedule.clear();
    expect(clock.timers).toBe(0);
    await clock.advance(50);
    expect(ran).toEqual(['second']);
  });
});
