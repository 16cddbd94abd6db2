import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTask } from 'node-cron';
import { afterEach, describe, expect, it } from 'vitest';
import { CoordinatorService, InvalidOptionsError } from 'nestjs-coordination';
import { runCoordinator } from 'nestjs-coordination/node-cron';
import { eventually } from '../../support/eventually.js';
import { forkFixture, type FixtureProcess } from '../../support/processes.js';
import { cleanUp, scratchDirectory } from '../replicas/backends.js';

const processes: FixtureProcess[] = [];
const coordinators: CoordinatorService[] = [];

const nothing = (): void => undefined;

afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
  await cleanUp();
});

describe('runCoordinator', () => {
  it('lets a task of node-cron run once per fire in three processes', async () => {
    const backendUrl = `file://${await scratchDirectory()}`;
    const fires: { readonly ran?: number; readonly skipped?: number; readonly missed?: number }[] = [];
    for (const agentId of ['a', 'b', 'c']) {
      const process = await forkFixture(new URL('./fixtures/node-cron.ts', import.meta.url), {
        args: [backendUrl, agentId],
      });
      processes.push(process);
      process.child.on('message', (message) => typeof message === 'object' && fires.push(message));
      await process.receive((message) => message === 'ready');
    }
    const seconds = (kind: 'ran' | 'skipped' | 'missed') => fires.flatMap((fire) => fire[kind] ?? []);
    await eventually(() => seconds('ran').length >= 4 && seconds('skipped').length >= 8);
    for (const process of processes) process.send('stop');
    await Promise.all(processes.map(({ exited }) => exited));
    expect(seconds('ran')).toEqual([...new Set(seconds('ran'))]);
    // Every fire that one skipped has run at another.
    const latest = seconds('ran').at(-1) ?? 0;
    const from = seconds('ran')[0] ?? 0;
    // But for those to which the process with the run before came too late, on a busy machine.
    const missed = new Set(seconds('missed'));
    for (const second of seconds('skipped'))
      if (second >= from && second <= latest && !missed.has(second)) expect(seconds('ran')).toContain(second);
  });

  it('holds a task of one replica against that of another until it has ended', async () => {
    const backendUrl = 'memory:node-cron';
    const [one, other] = [
      new CoordinatorService({ backendUrl, agentId: 'one' }),
      new CoordinatorService({ backendUrl, agentId: 'other' }),
    ];
    coordinators.push(one, other);
    await Promise.all([one.start(), other.start()]);
    const [here, there] = [runCoordinator(one), runCoordinator(other)];
    const [first, second] = ['a:b:2026-03-10T12:00:00.000Z', 'a:b:2026-03-10T12:00:01.000Z'];
    expect(await here.shouldRun(first, 1000)).toBe(true);
    expect(await there.shouldRun(first, 1000)).toBe(false);
    expect(await there.shouldRun(second, 1000)).toBe(false);
    await here.onComplete(first);
    expect(await there.shouldRun(second, 1000)).toBe(true);
    await there.onComplete(second);
    expect(await one.lastRun('a:b')).toMatchObject({ memberId: 'other', outcome: 'succeeded' });
  });

  it('frees a background task whose process dies in a run', async () => {
    const task = join(await scratchDirectory(), 'task.mjs');
    await writeFile(task, "export const task = () => process.kill(process.pid, 'SIGKILL');\n");
    const backendUrl = 'memory:node-cron-daemon';
    const [one, other] = [
      new CoordinatorService({ backendUrl, agentId: 'one' }),
      new CoordinatorService({ backendUrl, agentId: 'other' }),
    ];
    coordinators.push(one, other);
    await Promise.all([one.start(), other.start()]);
    const logger = { info: nothing, warn: nothing, error: nothing, debug: nothing };
    const background = createTask('* * * * * *', task, {
      name: 'dies',
      distributed: true,
      distributedLease: 4000,
      runCoordinator: runCoordinator(one),
      logger,
    });
    const died = new Promise((resolve) => background.on('task:failed', resolve));
    await background.start();
    await died;
    expect(await one.lastRun('dies')).toMatchObject({ outcome: 'running' });
    await other.using('job:dies', { blocking: 30_000 }, nothing);
    expect(await one.lastRun('dies')).toMatchObject({ outcome: 'failed' });
    await background.destroy();
  });

  it('runs nothing while its coordinator is not started, and refuses a key that it cannot read', async () => {
    const coordinator = new CoordinatorService({ backendUrl: 'memory:' });
    const gate = runCoordinator(coordinator);
    expect(await gate.shouldRun('task:2026-03-10T12:00:00.000Z', 1000)).toBe(false);
    for (const key of ['task', ':2026-03-10T12:00:00.000Z', 'task:soon', '', undefined as never])
      await expect(gate.shouldRun(key, 1000)).rejects.toThrow(InvalidOptionsError);
    // Nothing was begun.
    await gate.onComplete('task:2026-03-10T12:00:00.000Z');
  });
});
