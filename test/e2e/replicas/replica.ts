import { forkFixture, type FixtureProcess } from '../../support/processes.js';
import type { Command } from './fixtures/counter.fixture.js';

interface Done {
  readonly done?: Command['do'];
  readonly failed?: string;
  readonly result?: { readonly waited: number; readonly at: number; readonly acquired: boolean };
}

/** A replica of the counter application, in a process of its own. */
export class Replica {
  private constructor(readonly process: FixtureProcess) {}

  static async start(backendUrl: string, env: Record<string, string> = {}): Promise<Replica> {
    const process = await forkFixture(new URL('./fixtures/counter.fixture.ts', import.meta.url), {
      // A short ttl makes a short command time-out, which a busy machine may need more than once to start.
      env: { COORDINATION_BACKEND_URL: backendUrl, COORDINATION_START_TIMEOUT: '20000', ...env },
    });
    await process.receive((message) => message === 'ready');
    return new Replica(process);
  }

  /** Sends the command, and resolves when the replica has done it. */
  async run(command: Command): Promise<NonNullable<Done['result']>> {
    this.process.send(command);
    return this.finished(command.do);
  }

  async finished(what: Command['do']): Promise<NonNullable<Done['result']>> {
    const message = (await this.process.receive(
      (candidate) =>
        typeof candidate === 'object' && candidate !== null && ('failed' in candidate || 'done' in candidate),
      120_000,
    )) as Done;
    if (message.failed !== undefined) throw new Error(`${what}: ${message.failed}`);
    return message.result as NonNullable<Done['result']>;
  }

  /** Starts to wait for a lock; resolves when the replica has begun, not when it has the lock. */
  async startWaiting(lock: string): Promise<void> {
    this.process.send({ do: 'wait', lock } satisfies Command);
    await this.process.receive((message) => message === 'waiting');
  }
}
