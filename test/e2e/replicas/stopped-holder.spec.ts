import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { forkFixture, type FixtureProcess } from '../../support/processes.js';
import { BACKENDS, cleanUp, ONE_OF_EACH_KIND } from './backends.js';
import type { AfterTheStop } from './fixtures/stopped-holder.fixture.js';
import { Replica } from './replica.js';

const TTL = 2000;
/** What a busy machine may add to a figure that is promised, ms. */
const SLACK = 5000;

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function isWoken(message: unknown): message is AfterTheStop {
  return typeof message === 'object' && message !== null && 'name' in message && message.name === 'woken';
}

describe('a holder that is stopped for three ttls', () => {
  const processes: FixtureProcess[] = [];
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((process) => process.kill()));
  });
  afterAll(cleanUp);

  async function stopHolder(url: string) {
    const holder = await forkFixture(new URL('./fixtures/stopped-holder.fixture.ts', import.meta.url), {
      args: [url, String(TTL)],
    });
    processes.push(holder);
    const waiter = await Replica.start(url, { COORDINATION_TTL: String(TTL) });
    processes.push(waiter.process);
    await holder.receive((message) => message === 'ready');
    holder.send('spin');
    const deadline = Number(await eventually(() => /held until (\w+)/.exec(holder.output)?.[1]));
    holder.freeze();
    const stoppedAt = Date.now();
    /** Lets the three ttls pass, and the holder go on. */
    const wake = async (): Promise<AfterTheStop> => {
      await after(stoppedAt + 3 * TTL - Date.now());
      holder.thaw();
      return holder.receive(isWoken);
    };
    return { waiter, deadline, wake };
  }

  it.each(Object.entries(ONE_OF_EACH_KIND).filter(([name]) => name.includes('Redis')))(
    'loses its lock on %s to the next one, not before its deadline, and sees that at its first look',
    async (_name, begin) => {
      const { waiter, deadline, wake } = await stopHolder(await begin());
      await waiter.startWaiting('stopped-aborted');
      const { at } = await waiter.finished('wait');
      expect(at).toBeGreaterThanOrEqual(deadline);
      expect(at - deadline).toBeLessThan(TTL * 0.01 + 2 + SLACK);
      const { stopped, over, reasons, derivedAfter } = await wake();
      expect(stopped).toBeGreaterThan(2 * TTL);
      expect(over).toEqual({
        aborted: true,
        throwIfAborted: true,
        assertHeld: true,
        remaining: true,
        derived: true,
      });
      expect(reasons).toEqual(reasons.map(() => 'expired'));
      expect(derivedAfter).toBeLessThan(SLACK);
    },
  );

  it('keeps its lock on a file back end, and goes on with it', async () => {
    const { waiter, deadline, wake } = await stopHolder(await BACKENDS['a file back end']!());
    expect(deadline).toBe(Infinity);
    expect(await waiter.run({ do: 'try', lock: 'stopped-aborted', ms: 2 * TTL })).toEqual({
      acquired: false,
    });
    const { over, reasons } = await wake();
    expect(Object.values(over)).toEqual(Object.values(over).map(() => false));
    expect(reasons).toEqual(reasons.map(() => undefined));
    expect(await waiter.run({ do: 'try', lock: 'stopped-aborted', ms: 0 })).toEqual({ acquired: false });
  });
});
