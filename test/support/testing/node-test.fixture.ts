// Run by `node --test`, as an application may do.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { LockAcquireFailedError, RunOnce, Synchronized } from 'nestjs-coordination';
import { CoordinationTestingModule, CoordinationTestKit } from 'nestjs-coordination/testing';

@Injectable()
class Shares {
  @Synchronized('share-<id>', { blocking: '5s' })
  async extend(id: string): Promise<string> {
    return id;
  }

  @RunOnce('nightly')
  async nightly(): Promise<void> {
    await this.extend('7');
  }
}

let module: TestingModule;
let kit: CoordinationTestKit;
before(async () => {
  module = await Test.createTestingModule({
    imports: [CoordinationTestingModule.forRoot({ clock: 'driven' })],
    providers: [Shares],
  }).compile();
  await module.init();
  kit = module.get(CoordinationTestKit);
});
after(() => module.close());

void it('a call is refused while another replica holds the lock', async () => {
  const held = await kit.hold('share-7');
  const refused = assert.rejects(module.get(Shares).extend('7'), LockAcquireFailedError);
  await kit.advance('5s');
  await refused;
  await held.release();
  assert.equal(await module.get(Shares).extend('7'), '7');
});

void it('a job runs under its lock, and takes that of what it calls', async () => {
  const taken = await kit.locksTaken(() => kit.runTick('nightly'));
  assert.deepEqual(
    taken.map(({ name }) => name),
    ['job:nightly', 'share-7'],
  );
});

// Left open on purpose: the process ends all the same, once the application is closed.
void it('a lock that a test leaves held', async () => {
  (await kit.hold('share-8')).assertHeld();
});
