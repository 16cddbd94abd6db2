import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { CoordinatorService } from 'nestjs-coordination';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { forkFixture, type FixtureProcess } from '../../support/processes.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { cleanUp, FOR_MANY_PROCESSES } from './backends.js';
import type { KindsOrder } from './fixtures/kinds.fixture.js';

const TTL = 2000;
/** What a busy machine may add to a figure that is promised, ms. */
const SLACK = 5000;

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});
beforeAll(() => RecordedLog.install());
afterAll(cleanUp);

async function replica(order: KindsOrder): Promise<FixtureProcess> {
  const process = await forkFixture(new URL('./fixtures/kinds.fixture.ts', import.meta.url));
  endings.push(() => process.kill('SIGKILL'));
  await process.receive((message) => message === 'ready');
  process.send({ ...order });
  await process.receive((message) => message === 'begun');
  return process;
}

describe.each(Object.entries(FOR_MANY_PROCESSES))('several replicas on %s', (name, begin) => {
  // Locks in PostgreSQL are not shared.
  it.skipIf(name === 'PostgreSQL')(
    'let a writer in after three reader holds at most, though 32 readers never stop',
    async () => {
      const [backendUrl, hold] = [await begin(), 1000];
      const order = {
        backendUrl,
        ttl: TTL,
        work: 'read',
        name: 'index',
        workers: 8,
        permits: 0,
        hold,
        log: '',
      } as const;
      await Promise.all(Array.from({ length: 4 }, () => replica(order)));
      const coordinator = new CoordinatorService({ backendUrl, ttl: TTL, startTimeout: 20_000 });
      await coordinator.start();
      endings.push(() => coordinator.stop());
      const waits: number[] = [];
      for (let round = 0; round < 4; round += 1) {
        const began = performance.now();
        await using lease = await coordinator.getLock('index').hold({ blocking: 20_000 });
        waits.push(performance.now() - began);
        expect(lease.signal.aborted).toBe(false);
      }
      expect(Math.max(...waits), `it waited for ${waits.map(Math.round).join(', ')} ms`).toBeLessThan(
        3 * hold + SLACK,
      );
      // A writer that never waits would show nothing.
      expect(Math.max(...waits)).toBeGreaterThan(hold / 4);
    },
  );

  it('never have six of five permits, whichever of them are killed, and soon five again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'permits-'));
    endings.push(() => rm(folder, { recursive: true, force: true }));
    const log = join(folder, 'log');
    await writeFile(log, '');
    const backendUrl = await begin();
    const order = {
      backendUrl,
      ttl: TTL,
      work: 'permits',
      name: 'exports',
      workers: 3,
      permits: 5,
      hold: 100,
      log,
    } as const;
    const replicas = await Promise.all(Array.from({ length: 4 }, () => replica(order)));
    let killed = 0;
    for (let round = 0; round < 3; round += 1) {
      await after(100 + Math.random() * 400);
      const [victim] = replicas.splice(Math.floor(Math.random() * replicas.length), 1);
      await victim?.kill('SIGKILL');
      killed = performance.timeOrigin + performance.now();
      replicas.push(await replica(order));
    }
    const stories = async (): Promise<Story[]> => storiesIn(await readFile(log, 'utf8'));
    await expect.poll(async () => mostAtOnce(await stories(), killed), { timeout: TTL + SLACK }).toBe(5);
    expect(mostAtOnce(await stories(), 0)).toBe(5);
  });
});

interface Story {
  readonly from: number;
  until: number;
}

/** From when to when each holder saw its permit. */
function storiesIn(text: string): Story[] {
  const stories = new Map<string, Story>();
  for (const line of text.split('\n').slice(0, -1)) {
    const [id = '', at = ''] = line.split(' ');
    const story = stories.get(id);
    if (story) story.until = Number(at);
    else stories.set(id, { from: Number(at), until: Number(at) });
  }
  return [...stories.values()];
}

/** How many held one at a time, of those that began after `since`. */
function mostAtOnce(stories: readonly Story[], since: number): number {
  const later = stories.filter(({ from }) => from >= since);
  return Math.max(
    0,
    ...later.map(({ from }) => later.filter((each) => each.from <= from && from <= each.until).length),
  );
}
