import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertLocked, CoordinatorService, LeaseLostError, NotLockedError } from 'nestjs-coordination';

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('it threw nothing');
}

describe('assertLocked()', () => {
  const coordinator = new CoordinatorService({ backendUrl: 'memory:assert-locked', prefix: 'app:' });
  beforeAll(() => coordinator.start());
  afterAll(() => coordinator.stop());

  it('throws outside of every lock', () => {
    const error = thrownBy(() => assertLocked());
    expect(error).toBeInstanceOf(NotLockedError);
    expect(error).toMatchObject({
      code: 'NOT_LOCKED',
      message:
        'assertLocked: the code that runs must be under a lock, and it is under none, or has outlived it; call it from a method under @Synchronized or the body of using, and await it there',
    });
    expect((error as NotLockedError).getStatus()).toBe(500);
  });

  it('gives the innermost lease, and that of a name further out', async () => {
    await coordinator.using('outer', async () => {
      await coordinator.using('inner', async (inner) => {
        expect(assertLocked()).toBe(inner);
        expect(assertLocked('inner')).toBe(inner);
        expect(assertLocked('outer').name).toBe('outer');
      });
      expect(assertLocked().name).toBe('outer');
    });
  });

  it('throws under another lock, and says which', async () => {
    await coordinator.using('share-1', async () => {
      expect(() => assertLocked('share-2')).toThrow(
        'must be under the lock "share-2", and it is under "share-1" alone;',
      );
    });
  });

  it('throws under a lease that was lost, with what became of it', async () => {
    const work = coordinator.using('share-1', async () => {
      await coordinator.getLock('share-1').break();
      const error = thrownBy(() => assertLocked('share-1'));
      expect(error).toBeInstanceOf(NotLockedError);
      expect(error).toMatchObject({ cause: expect.any(LeaseLostError) as unknown });
      expect(thrownBy(() => assertLocked())).toBeInstanceOf(NotLockedError);
    });
    await expect(work).rejects.toThrow(LeaseLostError);
  });

  it('throws for work that has outlived its lease', async () => {
    let end = (): void => undefined;
    let afterwards: Promise<unknown> | undefined;
    await coordinator.using('share-1', () => {
      afterwards = new Promise<void>((resolve) => (end = resolve)).then(() => assertLocked('share-1'));
    });
    end();
    await expect(afterwards).rejects.toThrow(NotLockedError);
  });
});
