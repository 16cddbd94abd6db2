import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { forkFixture, type FixtureProcess } from '../../support/processes.js';
import { cleanUp, FOR_MANY_PROCESSES } from '../replicas/backends.js';

const TTL = 600;
const REPLICAS = 3;

/** What one process believed: that it held the lock from then until then, Unix time in ms. */
interface Belief {
  readonly token: number;
  readonly from: number;
  readonly until: number;
}

/** @param killedAt when the process was to end, as it then believed nothing any more */
function beliefsOf(output: string, killedAt: number): Belief[] {
  const beliefs: Belief[] = [];
  let ended = true;
  for (const line of output.split('\n').filter((text) => text.startsWith('{'))) {
    const said = JSON.parse(line) as Partial<Record<'got' | 'at' | 'until', number>> & { ended?: true };
    if (said.got !== undefined) {
      beliefs.push({ token: said.got, from: said.at!, until: Math.min(said.until!, killedAt) });
      ended = false;
    } else if (said.until !== undefined && !ended) {
      beliefs.push({ ...beliefs.pop()!, until: Math.min(said.until, killedAt) });
      ended = said.ended === true;
    }
  }
  return beliefs;
}

describe('replicas that hold locks as @nestjs/locks does, and are killed and stopped', () => {
  const processes: FixtureProcess[] = [];
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((process) => process.kill()));
  });
  afterAll(cleanUp);

  async function start(url: string): Promise<FixtureProcess> {
    const replica = await forkFixture(new URL('./fixtures/holder.fixture.ts', import.meta.url), {
      args: [url, String(TTL)],
    });
    processes.push(replica);
    await replica.receive((message) => message === 'ready');
    return replica;
  }

  /** Resolves when it has got the lock once more. */
  async function hasTheLock(replica: FixtureProcess): Promise<void> {
    const before = replica.output.length;
    await expect.poll(() => replica.output.slice(before), { interval: 5 }).toContain('"got"');
  }

  it.each(Object.entries(FOR_MANY_PROCESSES))('never hold a lock at one time on %s', async (_name, begin) => {
    const url = await begin();
    const beliefs: Belief[] = [];
    const kill = async (replica: FixtureProcess): Promise<void> => {
      // On files the lock is free the moment it ends, which is told later.
      const killedAt = Date.now();
      await replica.kill();
      await replica.closed;
      beliefs.push(...beliefsOf(replica.output, killedAt));
    };
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, () => start(url)));
    for (let round = 0; round < 2; round += 1) {
      const [first, second] = replicas as [FixtureProcess, FixtureProcess];
      await hasTheLock(first);
      first.freeze();
      // It is stopped for longer than its lease lasts; on files it keeps the lock meanwhile.
      await after(1.5 * TTL);
      first.thaw();
      await hasTheLock(second);
      await kill(second);
      replicas.splice(1, 1);
      replicas.push(await start(url));
      await hasTheLock(replicas[1]!);
    }
    await Promise.all(replicas.map(kill));
    beliefs.sort((a, b) => a.token - b.token);
    expect(beliefs.length).toBeGreaterThan(10);
    for (const [index, { from, token }] of beliefs.slice(1).entries()) {
      const before = beliefs[index]!;
      expect(token).toBeGreaterThan(before.token);
      expect(from, `token ${token} while ${before.token} was held`).toBeGreaterThanOrEqual(before.until);
    }
  });
});
