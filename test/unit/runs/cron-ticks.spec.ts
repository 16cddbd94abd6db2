import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { CronTicks, type CronTimeClass } from '../../../lib/run-once/schedule/cron-ticks.js';

// The package is a dependency of @nestjs/schedule.
const schedule = createRequire(import.meta.url).resolve('@nestjs/schedule');
const { CronTime } = createRequire(schedule)('cron') as { readonly CronTime: CronTimeClass };

interface Row {
  readonly expression: string;
  readonly timeZone?: string;
  readonly utcOffset?: number;
  readonly now: string;
  readonly expectedTick: string;
  readonly note: string;
}

function rows(file: string): Row[] {
  return JSON.parse(readFileSync(new URL(`../../vectors/${file}`, import.meta.url), 'utf8')) as Row[];
}

function ticksOf({ expression, timeZone, utcOffset }: Row): CronTicks {
  return new CronTicks(new CronTime(expression, timeZone ?? null, utcOffset ?? null));
}

for (const file of ['ticks.json', 'ticks-quirks.json']) {
  it.each(rows(file))(`finds the tick of $expression at $now ($note), as ${file} has it`, (row) => {
    const now = Date.parse(row.now);
    const found = ticksOf(row).upTo(now);
    expect(found === undefined ? undefined : new Date(found).toISOString()).toBe(row.expectedTick);
  });

  it.each(rows(file))(`finds the tick of $expression at $now ($note) from one it has found before`, (row) => {
    const now = Date.parse(row.now);
    const ticks = ticksOf(row);
    for (const before of [40 * 86_400_000, 86_400_000, 3_600_000, 1000]) ticks.upTo(now - before);
    expect(new Date(ticks.upTo(now) ?? 0).toISOString()).toBe(row.expectedTick);
    // And when the clock is set back.
    ticks.upTo(now + 86_400_000);
    expect(new Date(ticks.upTo(now) ?? 0).toISOString()).toBe(row.expectedTick);
  });
}

it('has one tick where the schedule is a date', () => {
  const date = new Date('2026-03-10T12:00:00.000Z');
  const ticks = new CronTicks(new CronTime(date));
  expect(ticks.upTo(date.getTime() + 5)).toBe(date.getTime());
  expect(ticks.after(date.getTime())).toBeUndefined();
});

it('finds no tick where none comes for years', () => {
  const ticks = new CronTicks(new CronTime('0 0 30 2 *', 'UTC'));
  expect(ticks.upTo(Date.parse('2026-03-10T12:00:00Z'))).toBeUndefined();
});
