import { Injectable } from '@nestjs/common';
import { afterEach, expect, it } from 'vitest';
import { CoordinationModule, CoordinatorService, Limited, RunOnce, Synchronized } from 'nestjs-coordination';
import { boot } from '../../support/boot.js';
import { eventually } from '../../support/eventually.js';

const gate: { open: () => void; opened: Promise<void> } = {
  open: () => undefined,
  opened: Promise.resolve(),
};

@Injectable()
class ShareService {
  @Synchronized('<fName>-<id>')
  async extend(id: number): Promise<void> {
    await gate.opened;
    return void id;
  }

  @Limited('export-<id>', 3)
  async export(id: number): Promise<void> {
    await gate.opened;
    return void id;
  }

  @RunOnce('nightly')
  async nightly(): Promise<void> {
    await gate.opened;
  }
}

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  gate.open();
  for (const end of ends.splice(0)) await end();
});

it('another replica sees which method holds a lock or waits for it, and the template of its name', async () => {
  gate.opened = new Promise((resolve) => (gate.open = resolve));
  const options = { backendUrl: 'memory:decorated', heartbeat: 50 };
  const app = await boot([CoordinationModule.forRoot({ ...options, agentId: 'web-1' })], [ShareService]);
  ends.push(() => app.close());
  const other = new CoordinatorService({ ...options, agentId: 'web-2' });
  await other.start();
  ends.push(() => other.stop());
  const shares = app.get(ShareService);
  const calls = [shares.extend(7), shares.extend(7), shares.export(1), shares.nightly()];
  ends.push(() => Promise.all(calls));
  const wanted = [
    {
      name: 'export-1',
      kind: 'semaphore',
      permits: 3,
      holders: [{ memberId: 'web-1', function: 'ShareService.export', template: 'export-<id>' }],
    },
    {
      name: 'extend-7',
      kind: 'lock',
      holders: [{ memberId: 'web-1', function: 'ShareService.extend', template: '<fName>-<id>' }],
      waiters: [{ memberId: 'web-1', function: 'ShareService.extend', template: '<fName>-<id>' }],
    },
    { name: 'nightly', kind: 'job', holders: [{ memberId: 'web-1', function: 'ShareService.nightly' }] },
  ];
  await eventually(async () => {
    const locks = await other.inspect.locks();
    return locks.length === 3 && locks.every(({ holders }) => holders[0]?.since !== undefined);
  });
  expect(await other.inspect.locks()).toMatchObject(wanted);
});
