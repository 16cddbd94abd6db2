import { forkFixture, type FixtureProcess } from '../../support/processes.js';

interface Change {
  readonly term: number;
  /** On CLOCK_MONOTONIC, ms. */
  readonly at: number;
}

/** Now, as the candidates count, ms. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** A replica that stands for election, in a process of its own. */
export class Candidate {
  private constructor(readonly process: FixtureProcess) {}

  static async start(backendUrl: string, env: Readonly<Record<string, string>> = {}): Promise<Candidate> {
    return Candidate.in(
      await forkFixture(new URL('./fixtures/candidate.fixture.ts', import.meta.url), {
        env: Candidate.env(backendUrl, env),
      }),
    );
  }

  static env(backendUrl: string, env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    return {
      COORDINATION_BACKEND_URL: backendUrl,
      COORDINATION_STOP_TIMEOUT: '1000',
      // A short ttl makes a short command time-out, which a busy machine may need more than once to start.
      COORDINATION_START_TIMEOUT: '20000',
      ...env,
    };
  }

  /** One whose process has been started in another way. */
  static async in(process: FixtureProcess): Promise<Candidate> {
    await process.receive((message) => message === 'ready');
    return new Candidate(process);
  }

  /** The next time that it is elected; once for each. */
  elected(within?: number): Promise<Change> {
    return this.#next('elected', within);
  }

  demoted(within?: number): Promise<Change> {
    return this.#next('demoted', within);
  }

  /** How often it told of one since the last look. */
  async seen(what: 'elected' | 'demoted'): Promise<number> {
    for (let count = 0; ; count += 1) {
      const one = await this.#next(what, 0).catch(() => undefined);
      if (!one) return count;
    }
  }

  async #next(what: 'elected' | 'demoted', within?: number): Promise<Change> {
    const message = (await this.process.receive(
      (candidate) => typeof candidate === 'object' && candidate !== null && what in candidate,
      within,
    )) as Record<string, number>;
    return { term: message[what]!, at: message['at']! };
  }
}
