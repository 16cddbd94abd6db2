import { Controller, Injectable, Post } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { currentLease, type Lease, Synchronized } from 'nestjs-coordination';
import { Gate } from './fixtures/gate.js';
import { startApp } from './fixtures/test-app.js';

@Injectable()
class Inner {
  @Synchronized('inner')
  async run(): Promise<string | undefined> {
    await Promise.resolve();
    return currentLease()?.name;
  }
}

@Injectable()
class Outer {
  readonly gate = new Gate();
  afterwards?: Promise<Lease | undefined>;

  constructor(private readonly inner: Inner) {}

  @Synchronized('outer')
  async run(): Promise<unknown[]> {
    const before = currentLease()?.name;
    const inside = await this.inner.run();
    this.afterwards = this.gate.opened.then(() => currentLease());
    return [before, inside, currentLease()?.name];
  }
}

@Injectable()
@Controller('self')
class SelfController {
  @Synchronized('self')
  async inner(): Promise<string> {
    return 'never';
  }

  @Post('other')
  @Synchronized('self')
  async other(): Promise<string> {
    return this.inner();
  }

  @Post('same')
  @Synchronized('self', { blocking: 50 })
  async same(again = true): Promise<string> {
    return again ? this.same(false) : 'never';
  }
}

describe('currentLease()', () => {
  it('is the innermost lease, and the outer one again afterwards', async () => {
    const { app } = await startApp({ providers: [Inner, Outer] });
    expect(currentLease()).toBeUndefined();
    expect(await app.get(Outer).run()).toEqual(['outer', 'inner', 'outer']);
    expect(currentLease()).toBeUndefined();
  });

  it('is undefined in work that outlives the lease, and in siblings of the call', async () => {
    const { app } = await startApp({ providers: [Inner, Outer] });
    const outer = app.get(Outer);
    const call = outer.run();
    const sibling = Promise.resolve().then(() => currentLease());
    await call;
    expect(await sibling).toBeUndefined();
    outer.gate.open();
    expect(await outer.afterwards).toBeUndefined();
  });
});

describe('a call that waits for a lock that it already holds', () => {
  it.each([
    ['another method of the same name', 'other', 'SelfController.inner', 'SelfController.other'],
    ['the same method', 'same', 'SelfController.same', 'SelfController.same'],
  ])('is told so once, naming the lock and both functions: %s', async (_case, path, waiter, holder) => {
    const { url, log } = await startApp({
      controllers: [SelfController],
      coordination: { blocking: 50 },
    });
    const reply = await fetch(`${url}/self/${path}`, { method: 'POST' });
    expect(reply.status).toBe(423);
    const warnings = log.of('warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('Lock "self"');
    expect(warnings[0]).toContain(`${waiter} waits`);
    expect(warnings[0]).toContain(`that ${holder}, which called it`);
  });
});
