import { Controller, Injectable, Param, Post } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { currentLease, LockNameError, Synchronized } from 'nestjs-coordination';
import { Gate } from './fixtures/gate.js';
import { PLATFORMS, someoneWaits, startApp } from './fixtures/test-app.js';

let gate = new Gate();

class Moves {
  @Synchronized(['share-<from>', 'share-<to>'], { fencing: true })
  async move(from: string, to: string): Promise<readonly (number | undefined)[]> {
    await gate.pass();
    const lease = currentLease()!;
    return [lease.fencingTokenOf(`share-${from}`), lease.fencingTokenOf(`share-${to}`)];
  }
}

@Injectable()
class MoveService extends Moves {
  @Synchronized((ids: readonly string[]) => ids.map((id) => `share-${id}`))
  async archive(ids: readonly string[]): Promise<string | undefined> {
    await Promise.resolve();
    return currentLease()?.name;
  }
}

@Controller('moves')
class MoveController {
  @Post(':from/:to')
  @Synchronized(['share-<from>', 'share-<to>'])
  async move(@Param('from') from: string, @Param('to') to: string): Promise<object> {
    await gate.pass();
    return { moved: [from, to], under: currentLease()?.name };
  }
}

describe('@Synchronized with several names', () => {
  it('runs a method of a provider under all of them', async () => {
    gate = new Gate();
    const { app, coordinator } = await startApp({ providers: [MoveService] });
    const work = app.get(MoveService).move('2', '1');
    await gate.reached;
    for (const name of ['share-1', 'share-2'])
      expect(await coordinator.getLock(name).acquire(false)).toBe(false);
    gate.open();
    expect(await work).toEqual([expect.any(Number), expect.any(Number)]);
    for (const name of ['share-1', 'share-2'])
      expect(await coordinator.getLock(name).acquire(false)).toBe(true);
  });

  it.each(PLATFORMS)('keeps two requests in opposite orders apart on %s, and both end', async (platform) => {
    gate = new Gate();
    const { url, coordinator } = await startApp({ platform, controllers: [MoveController] });
    const post = async (path: string): Promise<unknown> =>
      (await fetch(`${url}/moves/${path}`, { method: 'POST' })).json();
    const first = post('1/2');
    await gate.reached;
    const waits = someoneWaits(coordinator);
    const second = post('2/1');
    await waits;
    gate.open();
    expect(await first).toEqual({ moved: ['1', '2'], under: 'share-1 + share-2' });
    expect(await second).toEqual({ moved: ['2', '1'], under: 'share-2 + share-1' });
  });

  it('takes the names that a key function makes, and one lock where all are one', async () => {
    const { app } = await startApp({ providers: [MoveService] });
    const service = app.get(MoveService);
    expect(await service.archive(['7', '8', '7'])).toBe('share-7 + share-8');
    expect(await service.archive(['7', '7'])).toBe('share-7');
    await expect(service.archive([])).rejects.toThrow(
      new LockNameError('MoveService.archive: its list of lock names is empty; name what is to be locked'),
    );
    await expect(service.archive([''])).resolves.toBe('share-');
  });

  it('is refused where it is written without a name, or with a malformed one', () => {
    const decorate = (names: readonly string[]) => () => {
      class Wrong {
        async m(): Promise<void> {}
      }
      const descriptor = Object.getOwnPropertyDescriptor(Wrong.prototype, 'm')!;
      Synchronized(names)(Wrong.prototype, 'm', descriptor);
    };
    expect(decorate([])).toThrow('Wrong.m: its list of lock names is empty');
    expect(decorate(['a', '<b'])).toThrow(LockNameError);
    expect(decorate(['a', ''])).toThrow('it is empty');
  });
});
