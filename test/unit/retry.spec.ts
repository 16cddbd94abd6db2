import { describe, expect, it } from 'vitest';
import { retry } from '../../lib/common/retry.js';
import { BackendUnavailableError } from '../../lib/errors.js';
import { FakeClock } from '../support/fake-clock.js';
import { outcomeOf } from '../support/lock-manager-bench.js';

const down = new BackendUnavailableError('down');

function bench(timeout: number, fails: (attempt: number) => Error | undefined) {
  const clock = new FakeClock();
  const start = clock.monotonic();
  const controller = new AbortController();
  const [attempts, told]: [number[], Error[]] = [[], []];
  const attempt = async (): Promise<string> => {
    attempts.push(clock.monotonic() - start);
    const error = fails(attempts.length);
    if (error) throw error;
    return 'done';
  };
  const onRetry = (error: Error): void => void told.push(error);
  const outcome = outcomeOf(retry(attempt, { clock, timeout, signal: controller.signal, onRetry }));
  return { clock, controller, attempts, told, outcome };
}

describe('an attempt that may be repeated', () => {
  it('is made once when it succeeds', async () => {
    const { clock, attempts, told, outcome } = bench(5000, () => undefined);
    await clock.advance(10_000);
    expect([attempts, told, outcome.value]).toEqual([[0], [], 'done']);
  });

  it('is made once, and nobody is told of a repetition, when no time is given', async () => {
    const { clock, attempts, told, outcome } = bench(0, () => down);
    await clock.advance(10_000);
    expect([attempts, told, outcome.error]).toEqual([[0], [], down]);
  });

  it('is repeated with longer pauses, a last time at the end, and tells of the first failure alone', async () => {
    const last = new BackendUnavailableError('the last one');
    const { clock, attempts, told, outcome } = bench(4000, (attempt) => (attempt === 7 ? last : down));
    await clock.advance(10_000);
    expect(attempts).toEqual([0, 100, 300, 700, 1500, 2500, 3500, 4000]);
    expect([told, outcome.error]).toEqual([[down], down]);
    expect(clock.timers).toBe(0);
  });

  it('ends with the last failure', async () => {
    const last = new BackendUnavailableError('the last one');
    const { clock, outcome } = bench(300, (attempt) => (attempt === 3 ? last : down));
    await clock.advance(300);
    expect(outcome.error).toBe(last);
  });

  it('is repeated no more once it has succeeded', async () => {
    const { clock, attempts, outcome } = bench(60_000, (attempt) => (attempt < 3 ? down : undefined));
    await clock.advance(60_000);
    expect([attempts, outcome.value]).toEqual([[0, 100, 300], 'done']);
  });

  it('is not repeated after a failure that time does not heal', async () => {
    const wrong = new TypeError('wrong');
    const { clock, attempts, told, outcome } = bench(60_000, () => wrong);
    await clock.advance(60_000);
    expect([attempts, told, outcome.error]).toEqual([[0], [], wrong]);
  });

  it('is not repeated after an abort, whose pause ends at once', async () => {
    const { clock, controller, attempts, outcome } = bench(60_000, () => down);
    await clock.advance(1000);
    expect(outcome.state).toBe('pending');
    controller.abort();
    await clock.advance(0);
    expect([outcome.error, clock.timers]).toEqual([down, 0]);
    expect(attempts).toHaveLength(4);
  });
});
