import { Injectable } from '@nestjs/common';
import { Limited, OnElected, RunOnce, Synchronized } from 'nestjs-coordination';

/** What the next call does under its lock; set by a test. The job does nothing, as it may run at any time. */
export const body: { run: () => Promise<unknown> } = { run: async () => undefined };

@Injectable()
export class Shares {
  @Synchronized('<fName>-<id>', { blocking: 250 })
  async extend(id: string): Promise<void> {
    await body.run();
    return void id;
  }

  @Synchronized((id: string) => `free-${id}`)
  async named(id: string): Promise<void> {
    await body.run();
    return void id;
  }

  @Limited('export-<id>', 1, { blocking: 20 })
  async export(id: string): Promise<void> {
    await body.run();
    return void id;
  }

  @RunOnce('nightly', { every: '1s' })
  async nightly(): Promise<void> {}

  @OnElected('quota')
  onElected(): void {
    return undefined;
  }
}
