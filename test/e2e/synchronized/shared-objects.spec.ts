import type { INestApplication } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { CoordinatorService, Limited, RunOnce, Synchronized } from 'nestjs-coordination';
import { startApp } from './fixtures/test-app.js';

/** Calls go to the coordinator of one application, which the test hears. */
class Shares {
  @Synchronized('share-<id>')
  async extend(id: string): Promise<string> {
    return id;
  }

  @Limited('export', 1)
  async export(): Promise<string> {
    return 'exported';
  }

  @RunOnce({ name: 'nightly' })
  async nightly(): Promise<string> {
    return 'ran';
  }
}

const VALUE = 'a value of the program';
const MADE = 'what a factory gives out of a pool of its own';

async function start(shares: Shares, taken: string[] = [], name = '') {
  const { app, coordinator } = await startApp({
    providers: [
      { provide: VALUE, useValue: shares },
      { provide: MADE, useFactory: () => shares },
    ],
  });
  coordinator.on('lease.acquired', ({ lock }) => taken.push(`${name} ${lock}`));
  return app;
}

const stop = async (app: INestApplication): Promise<void> => {
  await app.close();
  expect(app.get(CoordinatorService).started).toBe(false);
};

describe('an object that is given to several applications of a process', () => {
  it('takes its locks in the second one when the first was stopped before', async () => {
    const shares = new Shares();
    await stop(await start(shares));
    const taken: string[] = [];
    const second = await start(shares, taken, 'second');
    expect(await second.get<Shares>(VALUE).extend('7')).toBe('7');
    expect(await second.get<Shares>(MADE).export()).toBe('exported');
    expect(await second.get<Shares>(VALUE).nightly()).toBe('ran');
    expect(taken[0]).toBe('second share-7');
  });

  it('stays with the first while that runs, and goes on in the second when it has stopped', async () => {
    const shares = new Shares();
    const taken: string[] = [];
    const first = await start(shares, taken, 'first');
    await start(shares, taken, 'second');
    await shares.extend('7');
    await stop(first);
    await shares.extend('7');
    expect(taken).toEqual(['first share-7', 'second share-7']);
  });

  it('goes back to one that is started again', async () => {
    const shares = new Shares();
    const taken: string[] = [];
    const first = await start(shares, taken, 'first');
    const coordinator = first.get(CoordinatorService);
    await coordinator.stop();
    await expect(shares.extend('7')).rejects.toThrow(/the coordinator of member .* is not started/);
    await coordinator.start();
    await shares.extend('7');
    expect(taken).toEqual(['first share-7']);
  });
});
