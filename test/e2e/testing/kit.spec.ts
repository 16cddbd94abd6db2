import { Controller, Injectable, Module, Param, Post } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, expect, it } from 'vitest';
import {
  assertLocked,
  BackendUnavailableError,
  CoordinationModule,
  CoordinatorService,
  currentLease,
  InvalidOptionsError,
  LeaseLostError,
  Lock,
  LockAcquireFailedError,
  Synchronized,
} from 'nestjs-coordination';
import {
  CoordinationTestingModule,
  type CoordinationTestingModuleOptions,
  CoordinationTestKit,
} from 'nestjs-coordination/testing';

@Injectable()
class Shares {
  /** Ends when its lease is lost. */
  @Synchronized('share-<id>', { blocking: '5s' })
  async work(id: string): Promise<void> {
    const { signal } = assertLocked();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }

  @Synchronized('share-<id>', { blocking: false, fencing: true })
  async extend(id: string): Promise<string> {
    return id;
  }

  @Synchronized('share-<id>', { blocking: '5s' })
  async wait(id: string): Promise<string> {
    return id;
  }

  @Synchronized('share-<id>', { shared: true, blocking: false })
  async read(id: string): Promise<string> {
    return id;
  }

  async move(from: string, to: string): Promise<void> {
    await this.extend(from);
    await this.read(to);
  }
}

@Controller('shares')
class SharesController {
  @Post(':id')
  @Synchronized('share-<id>', { blocking: false })
  async work(@Param('id') id: string): Promise<string> {
    currentLease();
    return id;
  }

  @Post(':id/long')
  @Synchronized('share-<id>', { blocking: false })
  async long(@Param('id') id: string): Promise<string> {
    const { signal } = assertLocked();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return id;
  }
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(options?: CoordinationTestingModuleOptions) {
  const module = await Test.createTestingModule({
    imports: [CoordinationTestingModule.forRoot(options)],
    controllers: [SharesController],
    providers: [Shares],
  }).compile();
  const app = await module.createNestApplication().init();
  closing.push(() => app.close());
  return {
    app,
    kit: app.get(CoordinationTestKit),
    shares: app.get(Shares),
    coordinator: app.get(CoordinatorService),
  };
}

it('a lock that is held as another replica has it refuses a call, and lets it in when it is given back', async () => {
  const { kit, shares } = await start();
  {
    await using held = await kit.hold('share-7');
    held.assertHeld();
    await expect(shares.extend('7')).rejects.toThrow(LockAcquireFailedError);
    await expect(kit.hold('share-7')).rejects.toThrow(LockAcquireFailedError);
  }
  expect(await shares.extend('7')).toBe('7');
});

it('a reader gets in beside a lock that is held as shared, and a writer does not', async () => {
  const { kit, shares } = await start();
  await using held = await kit.hold('share-7', { shared: true });
  held.assertHeld();
  expect(await shares.read('7')).toBe('7');
  await expect(shares.extend('7')).rejects.toThrow(LockAcquireFailedError);
});

it('a lease that is lost aborts its signal, ends its call with LeaseLostError, and frees the lock', async () => {
  const { kit, shares } = await start();
  const work = shares.work('7');
  await expect.poll(() => kit.held).toEqual(['share-7']);
  await Promise.all([
    expect(work).rejects.toThrow(/the operator broke it/),
    kit.lose('share-7', 'the operator broke it'),
  ]);
  await expect(work).rejects.toThrow(LeaseLostError);
  expect(kit.held).toEqual([]);
  expect(await shares.extend('7')).toBe('7');
});

it('to lose what nobody holds is refused, naming what is held', async () => {
  const { kit, shares } = await start();
  await expect(kit.lose('share-7')).rejects.toThrow(/holds none$/);
  const work = shares.work('8');
  await expect.poll(() => kit.held).toEqual(['share-8']);
  await expect(kit.lose('share-7')).rejects.toThrow(/does not hold that lock; it holds "share-8"/);
  await Promise.all([expect(work).rejects.toThrow(LeaseLostError), kit.lose('share-8')]);
});

it('the application loses a lock, and another replica that shares it does not', async () => {
  const { kit } = await start();
  await using held = await kit.hold('share-7', { shared: true });
  await expect(kit.lose('share-7')).rejects.toThrow(InvalidOptionsError);
  held.assertHeld();
});

it('a handler answers 409 when its lease is lost, and 503 while the back end is away', async () => {
  const { app, kit } = await start();
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const answer = fetch(`${url}/shares/7/long`, { method: 'POST' });
  await expect.poll(() => kit.held).toEqual(['share-7']);
  await kit.lose('share-7');
  expect((await answer).status).toBe(409);
  kit.failBackend();
  expect((await fetch(`${url}/shares/7`, { method: 'POST' })).status).toBe(503);
  kit.restoreBackend();
  expect((await fetch(`${url}/shares/7`, { method: 'POST' })).status).toBe(201);
});

it('the journal says which locks a call took, in which order and how', async () => {
  const { kit, shares } = await start();
  await shares.extend('1');
  expect(await kit.locksTaken(() => shares.move('7', '8'))).toEqual([
    {
      name: 'share-7',
      mode: 'exclusive',
      fencingToken: expect.any(Number),
      waited: expect.any(Number),
      released: true,
    },
    { name: 'share-8', mode: 'shared', waited: expect.any(Number), released: true },
  ]);
  expect(kit.locksTaken().map(({ name }) => name)).toEqual(['share-1', 'share-7', 'share-8']);
});

it('a back end that fails refuses calls and waiters, and tells of it; it comes back with what it had', async () => {
  const { kit, shares, coordinator } = await start({ clock: 'driven' });
  const told: string[] = [];
  coordinator.on('backend.down', ({ error }) => told.push(`down: ${error?.message}`));
  coordinator.on('backend.up', () => told.push('up'));
  await using held = await kit.hold('share-7');
  const waiting = shares.wait('7');
  const refused = expect(waiting).rejects.toThrow(BackendUnavailableError);
  await kit.advance(0);
  kit.failBackend('the network is cut');
  await kit.advance('5s');
  await refused;
  await expect(shares.extend('8')).rejects.toThrow(/the network is cut/);
  await expect(kit.replica('b')).rejects.toThrow(BackendUnavailableError);
  kit.restoreBackend();
  expect(told).toEqual([expect.stringMatching(/^down: .*the network is cut/), 'up']);
  held.assertHeld();
  await expect(shares.extend('7')).rejects.toThrow(LockAcquireFailedError);
  expect(await shares.extend('8')).toBe('8');
});

it('a lease that was to be shared while the back end was away is shared by its next renewal', async () => {
  const { kit, shares, coordinator } = await start({ clock: 'driven', ttl: '6s' });
  await using lease = await coordinator.getLock('share-7').hold();
  kit.failBackend();
  await expect(lease.downgrade()).rejects.toThrow(BackendUnavailableError);
  kit.restoreBackend();
  await kit.advance('5s');
  lease.assertHeld();
  expect(await shares.read('7')).toBe('7');
});

it('replicas share the locks, and a name is one replica', async () => {
  const { kit, shares } = await start({ prefix: 'app:' });
  const other = await kit.replica('b');
  expect(await kit.replica('b')).toBe(other);
  expect(other.memberId).toBe('app:b');
  await other.using('share-7', () => expect(shares.extend('7')).rejects.toThrow(LockAcquireFailedError));
});

it('new Lock(name) finds the coordinator of the application beside other replicas', async () => {
  const { kit } = await start();
  await kit.replica('b');
  expect(await new Lock('share-7').using(() => kit.held)).toEqual(['share-7']);
});

it('each testing module has locks of its own', async () => {
  const one = await start();
  const two = await start();
  await using held = await one.kit.hold('share-7');
  held.assertHeld();
  expect(await two.shares.extend('7')).toBe('7');
});

@Module({
  imports: [CoordinationModule.forRoot({ backendUrl: 'redis://127.0.0.1:1', ttl: '1s' })],
  providers: [Shares],
})
class AppModule {}

it('an application as it is is given to a kit, whatever its own back end is', async () => {
  const kit = new CoordinationTestKit({ clock: 'driven' });
  const module = await kit.override(Test.createTestingModule({ imports: [AppModule] })).compile();
  await module.init();
  const shares = module.get(Shares);
  await kit.hold('share-7');
  const waiting = shares.wait('7');
  const refused = expect(waiting).rejects.toThrow(LockAcquireFailedError);
  await kit.advance('5s');
  await refused;
  const other = await kit.replica('b');
  await module.close();
  expect(other.started).toBe(false);
});
