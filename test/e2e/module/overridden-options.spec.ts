import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { COORDINATION_MODULE_OPTIONS, CoordinationModule, CoordinatorService } from 'nestjs-coordination';
import { afterTest } from '../synchronized/fixtures/test-app.js';

/** Nothing listens there. */
const backendUrl = 'redis://127.0.0.1:1';

describe.each([
  ['forRoot', () => CoordinationModule.forRoot({ backendUrl })],
  ['forRootAsync', () => CoordinationModule.forRootAsync({ useFactory: () => ({ backendUrl }) })],
])('the options of %s', (_way, module) => {
  it('are overridden by a test, as a whole', async () => {
    const testing = await Test.createTestingModule({ imports: [module()] })
      .overrideProvider(COORDINATION_MODULE_OPTIONS)
      .useValue({ backendUrl: 'memory:', agentId: 'test' })
      .compile();
    afterTest(() => testing.close());
    await testing.init();
    const coordinator = testing.get(CoordinatorService);
    expect(coordinator.agentId).toBe('test');
    expect(await coordinator.using('one', () => 'under the lock')).toBe('under the lock');
  });

  it('are checked where a test overrides them', async () => {
    const testing = Test.createTestingModule({ imports: [module()] })
      .overrideProvider(COORDINATION_MODULE_OPTIONS)
      .useValue({ backendUrl: 'memory:', ttl: 0 });
    await expect(testing.compile()).rejects.toThrow(/ttl \(COORDINATION_TTL\) must be/);
  });
});
