import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as after } from 'node:timers/promises';
import { type NewRecord, TRUSTED_MS } from 'nestjs-coordination';

/** The body of a request to `/<operation>`: what that one needs of it. */
export interface Question extends NewRecord {
  readonly name: string;
  readonly id: string;
  readonly memberId: string;
  readonly ttl: number;
  readonly tokens: number;
  readonly keepFor: number;
  readonly grants: readonly { readonly key: string; readonly id: string }[];
  readonly topic: string;
  readonly seen: number;
}

/** How long a watch waits for a change, ms. */
const POLL_MS = 500;

/** What is there until some time. */
class Expiring<T> {
  readonly #items = new Map<string, { readonly value: T; readonly until: number }>();

  get(key: string): { readonly value: T; readonly remaining: number } | undefined {
    const item = this.#items.get(key);
    const remaining = (item?.until ?? 0) - performance.now();
    return item && remaining > 0 ? { value: item.value, remaining } : undefined;
  }

  set(key: string, value: T, ttl: number): void {
    this.#items.set(key, { value, until: performance.now() + ttl });
  }

  delete(key: string): void {
    this.#items.delete(key);
  }

  all() {
    return [...this.#items.keys()].flatMap((key) => this.get(key) ?? []);
  }
}

/** A server that keeps leases and records in memory, by its own clock. It stands for any store that can compare and set. */
export class HttpStore {
  /** Without an id: kept from everybody. */
  readonly #leases = new Expiring<Partial<Pick<Question, 'key' | 'id' | 'name' | 'memberId'>>>();
  readonly #records = new Expiring<NewRecord>();
  readonly #changed = new EventEmitter().setMaxListeners(0);
  readonly #changes = new Map<string, number>();
  #lastToken = 0;
  readonly #server = createServer((request, response) => {
    void text(request).then(async (body) => {
      const operation = this.#operations[request.url?.slice(1) ?? ''];
      response.end(JSON.stringify({ answer: await operation?.(JSON.parse(body) as Question) }));
    });
  });

  /** How many watches were told of a change. */
  told = 0;

  readonly #operations: Record<string, (question: Question) => unknown> = {
    acquire: ({ key, id, name, memberId, ttl, tokens }) => {
      const there = this.#leases.get(key);
      if (there) return { remaining: there.remaining };
      this.#leases.set(key, { key, id, name, memberId }, ttl);
      this.#lastToken += tokens;
      return { first: this.#lastToken - tokens + 1 };
    },
    renew: ({ grants, ttl }) =>
      grants.map(({ key, id }) => {
        const there = this.#leases.get(key)?.value;
        if (there?.id === id) this.#leases.set(key, there, ttl);
        return there?.id === id ? 'renewed' : there?.id ? 'taken-over' : 'broken';
      }),
    release: ({ key, id, keepFor }) => this.#free(key, id, keepFor),
    // The holder cannot be told, and so nobody gets the lock while it may still trust its lease.
    revoke: async ({ key, id }) => this.#free(key, id, TRUSTED_MS) && after(TRUSTED_MS, true),
    leases: () => this.#leases.all().flatMap(({ value }) => (value.id ? value : [])),
    put: ({ space, key, version, value, ttl }) => {
      const place = JSON.stringify([space, key]);
      const there = this.#records.get(place);
      const newer = version - (there?.value.version ?? -1);
      if (there && (newer < 0 || (newer === 0 && value !== there.value.value))) return shown(there);
      this.#records.set(place, { space, key, version, value }, ttl);
      this.#tell(`records ${space}`);
      return { space, key, version, value, remaining: ttl, at: Date.now() };
    },
    remove: ({ space, key, version }) => {
      const place = JSON.stringify([space, key]);
      if ((this.#records.get(place)?.value.version ?? Infinity) > version) return;
      this.#records.delete(place);
      this.#tell(`records ${space}`);
    },
    records: ({ space }) =>
      this.#records
        .all()
        .map(shown)
        .filter((record) => record.space === space),
    /** How often the topic has changed: when that is another number than the one that was seen, or after a while. */
    changes: async ({ topic, seen }) => {
      const changes = (): number => this.#changes.get(topic) ?? 0;
      if (changes() === seen)
        await once(this.#changed, topic, { signal: AbortSignal.timeout(POLL_MS) }).catch(() => undefined);
      if (seen >= 0 && changes() !== seen) this.told += 1;
      return changes();
    },
  };

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #free(key: string, id: string, keepFor: number): boolean {
    if (this.#leases.get(key)?.value.id !== id) return false;
    if (keepFor > 0) this.#leases.set(key, {}, keepFor);
    else this.#leases.delete(key);
    this.#tell(`lock ${key}`);
    return true;
  }

  #tell(topic: string): void {
    this.#changes.set(topic, (this.#changes.get(topic) ?? 0) + 1);
    this.#changed.emit(topic);
  }
}

function shown({ value, remaining }: { readonly value: NewRecord; readonly remaining: number }) {
  return { ...value, remaining, at: Date.now() };
}
