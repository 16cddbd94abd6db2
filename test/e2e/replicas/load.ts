import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as after } from 'node:timers/promises';

/** What became of the requests so far: by HTTP status, and those that found nobody who listens. */
export interface Outcomes {
  readonly statuses: Map<number, number>;
  unreachable: number;
  /** The longest that a client waited for an answer, ms. */
  longest: number;
}

/** Clients that ask again as soon as they were answered, until they are told to end. */
export class Load {
  #ended = false;
  #outcomes = fresh();
  readonly #clients: Promise<void>[];

  /** @param paths client n asks for the path n, counted round */
  constructor(url: string, clients: number, paths: readonly string[]) {
    this.#clients = Array.from({ length: clients }, (_, client) =>
      this.#ask(`${url}/${paths[client % paths.length]}`),
    );
  }

  /** What became of the requests that were answered since the last call. */
  take(): Outcomes {
    const outcomes = this.#outcomes;
    this.#outcomes = fresh();
    return outcomes;
  }

  count(status: number): number {
    return this.#outcomes.statuses.get(status) ?? 0;
  }

  get unreachable(): number {
    return this.#outcomes.unreachable;
  }

  /** Resolves when the last answer has come. */
  async end(): Promise<Outcomes> {
    this.#ended = true;
    await Promise.all(this.#clients);
    return this.take();
  }

  async #ask(url: string): Promise<void> {
    while (!this.#ended) {
      const begin = performance.now();
      try {
        const status = await statusOf(url);
        const { statuses } = this.#outcomes;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      } catch {
        // Nobody listens there any more.
        this.#outcomes.unreachable += 1;
        await after(20);
      }
      this.#outcomes.longest = Math.max(this.#outcomes.longest, performance.now() - begin);
    }
  }
}

/** On a connection of its own: Nest waits at its end for those that a client keeps busy. */
async function statusOf(url: string): Promise<number> {
  const request = get(url, { agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  await once(response.resume(), 'end');
  return response.statusCode ?? 0;
}

function fresh(): Outcomes {
  return { statuses: new Map(), unreachable: 0, longest: 0 };
}
