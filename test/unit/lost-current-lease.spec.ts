import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { CoordinatorService, currentLease, LeaseLostError, type Lease } from 'nestjs-coordination';

describe('currentLease() of a body whose lease was lost', () => {
  const [a, b] = ['a', 'b'].map(
    (agentId) => new CoordinatorService({ backendUrl: 'memory:lost-current-lease', agentId }),
  ) as [CoordinatorService, CoordinatorService];

  afterEach(() => Promise.all([a.stop(), b.stop()]));

  it('is that lease, so that assertHeld() throws instead of being skipped, until the body has ended', async () => {
    await Promise.all([a.start(), b.start()]);
    let seen: Lease | undefined;
    let afterwards: Promise<Lease | undefined> | undefined;
    let end = (): void => undefined;
    const work = a.using('x', async () => {
      await b.getLock('x').break();
      seen = currentLease();
      expect(() => currentLease()?.assertHeld()).toThrow(LeaseLostError);
      expect(currentLease()?.signal.aborted).toBe(true);
      afterwards = new Promise<void>((resolve) => (end = resolve)).then(() => currentLease());
    });
    const error = await work.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LeaseLostError);
    expect(seen?.name).toBe('x');
    end();
    expect(await afterwards).toBeUndefined();
    // As it prints: the message, the stack, and nothing that is meant for Nest.
    expect(inspect(error)).not.toMatch(/status|response|options|errorCode/);
  });
});
