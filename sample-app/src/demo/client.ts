import type { Fleet } from './fleet.js';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Speaks to the replicas in turn, and counts. */
export class Client {
  sent = 0;
  /** Requests that got no answer, for the replica died over them. */
  broken = 0;
  /** How often each server error came. */
  readonly failed = new Map<string, number>();

  constructor(
    private readonly fleet: Fleet,
    private readonly ending: AbortSignal,
  ) {}

  /** @returns undefined without an answer: the request may have been carried out or not, so it is not sent again */
  async send(method: string, path: string, body?: object): Promise<Answer | undefined> {
    this.ending.throwIfAborted();
    const replica = this.fleet.next();
    this.sent += 1;
    try {
      const response = await fetch(`${replica.url}${path}`, {
        method,
        signal: this.ending,
        ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      const text = await response.text();
      if (response.status >= 500) this.#countFailure(`${response.status} from ${replica.name}`);
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
    } catch {
      // Either the demonstration ends, or the connection broke.
      this.ending.throwIfAborted();
      this.broken += 1;
      return undefined;
    }
  }

  #countFailure(what: string): void {
    this.failed.set(what, (this.failed.get(what) ?? 0) + 1);
  }
}
