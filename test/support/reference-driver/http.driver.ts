import { randomUUID } from 'node:crypto';
import * as coordination from 'nestjs-coordination';
import type { Claim, Grant, Granted, Holder, NewRecord, StoredRecord, Taken } from 'nestjs-coordination';
import type { Question } from './http-store.js';

/** When the store is taken for dead, ms. */
const TIMEOUT = 2000;

/** The shortest driver that is whole: a store that others ask by HTTP, without an order of waiters. */
export class HttpDriver implements coordination.Driver {
  readonly description: string;
  readonly traits = { lifetime: 'lease', modes: ['exclusive'], renewBatch: 100 } as const;
  readonly #stopped = new AbortController();
  #state?: 'up' | 'down';

  constructor(
    private readonly url: string,
    private readonly context: Pick<coordination.DriverContext, 'onBackendChange'>,
  ) {
    this.description = `http ${url}`;
  }

  async start(): Promise<void> {
    await this.#ask('leases', {});
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  readonly locks: coordination.LockStore = {
    keyOf: (name) => name,
    acquire: (claim) => this.#acquire(claim),
    renew: async (grants, ttl) => {
      const reasons = await this.#ask<('renewed' | 'taken-over' | 'broken')[]>('renew', { grants, ttl });
      return reasons.map((reason) =>
        reason === 'renewed'
          ? { kind: reason }
          : { kind: 'lost', loss: { reason, message: 'the store has another lease, or none' } },
      );
    },
    release: ({ key, id }, keepFor = 0) => this.#ask('release', { key, id, keepFor }),
    holders: async (name, key = name) => (await this.locks.list()).filter((holder) => holder.key === key),
    revoke: ({ key, id }) => this.#ask('revoke', { key, id }),
    list: async () => {
      const leases = await this.#ask<Omit<Holder, 'holds'>[]>('leases', {});
      return leases.map((lease) => ({ ...lease, holds: 'yes' }));
    },
    watch: (name, onFreed) => this.#watch(`lock ${name}`, onFreed),
  };

  readonly records: coordination.RecordStore = {
    put: (record: NewRecord, ttl) => this.#ask('put', { ...record, ttl }),
    get: async (space, key) => (await this.records.list(space)).find((record) => record.key === key),
    remove: (space, key, version) => this.#ask('remove', { space, key, version }),
    list: (space) => this.#ask<StoredRecord[]>('records', { space }),
    watch: (space, onChange) => this.#watch(`records ${space}`, onChange),
  };

  async #acquire({ name, key, memberId, ttl, tokens }: Claim): Promise<Granted | Taken> {
    const id = randomUUID();
    const question = { name, key, id, memberId, ttl, tokens };
    const { first, remaining } = await this.#ask<{ first?: number; remaining?: number }>('acquire', question);
    if (first === undefined) return { granted: false, remaining };
    const grant: Grant = { name, key, id };
    return { granted: true, grant: tokens > 0 ? { ...grant, tokens: { first, count: tokens } } : grant };
  }

  /** By a request that the store answers when something has changed. It ends when that fails: who watches looks by itself, too. */
  #watch(topic: string, onChange: () => void): coordination.Watch {
    const disposed = new AbortController();
    const changesSince = (seen: number): Promise<number> =>
      this.#ask('changes', { topic, seen }, disposed.signal).catch(() => NaN) as Promise<number>;
    const follow = async (seen: number): Promise<void> => {
      const now = await changesSince(seen);
      if (disposed.signal.aborted || Number.isNaN(now)) return;
      if (now !== seen) onChange();
      await follow(now);
    };
    const first = changesSince(-1);
    void first.then(follow);
    return { ready: first.then(() => undefined), [Symbol.dispose]: () => disposed.abort() };
  }

  async #ask<T>(operation: string, question: Partial<Question>, ended?: AbortSignal): Promise<T> {
    const signals = [this.#stopped.signal, AbortSignal.timeout(TIMEOUT), ...(ended ? [ended] : [])];
    try {
      const response = await fetch(`${this.url}/${operation}`, {
        method: 'POST',
        body: JSON.stringify(question),
        signal: AbortSignal.any(signals),
      });
      const { answer } = (await response.json()) as { readonly answer: T };
      this.#tell('up');
      return answer;
    } catch (cause) {
      if (!ended?.aborted && !this.#stopped.signal.aborted) this.#tell('down', cause as Error);
      throw new coordination.BackendUnavailableError(`The store ${this.url} does not answer ${operation}`, {
        cause,
      });
    }
  }

  #tell(state: 'up' | 'down', cause?: Error): void {
    if (state === this.#state) return;
    this.#state = state;
    this.context.onBackendChange({ state, cause });
  }
}
