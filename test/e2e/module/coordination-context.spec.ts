import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  CoordinationContext,
  CoordinationModule,
  CoordinatorService,
  NotLockedError,
} from 'nestjs-coordination';
import { boot } from '../../support/boot.js';

@Injectable()
class Storage {
  constructor(private readonly context: CoordinationContext) {}

  write(): string | undefined {
    this.context.assertLocked('share');
    return this.context.currentLease()?.name;
  }
}

describe('CoordinationContext', () => {
  it('is injected, and tells what the running code is under', async () => {
    const memory = { backendUrl: 'memory:coordination-context' };
    const app = await boot(
      [CoordinationModule.forRoot(memory), CoordinationModule.forRoot({ ...memory, name: 'reports' })],
      [Storage],
    );
    try {
      const storage = app.get(Storage);
      expect(() => storage.write()).toThrow(NotLockedError);
      expect(await app.get(CoordinatorService).using('share', () => storage.write())).toBe('share');
    } finally {
      await app.close();
    }
  });
});
