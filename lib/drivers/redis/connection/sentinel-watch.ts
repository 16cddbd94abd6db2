import { Redis, type RedisOptions } from 'ioredis';
import { cleanError } from '../errors/index.js';

/** What sentinels tell of a master: another one has been promoted, or named. */
const CHANNELS = ['+promoted-slave', '+switch-master'];

/** Between two tries to reach a sentinel, ms; and where it has refused to tell. */
const RETRY = 1000;
const RETRY_AFTER_REFUSAL = 5000;

/** How long a sentinel may take to accept a connection, and to answer on it, ms: a stopped one does the first and never the second. */
const ANSWER_WITHIN = 3000;

/** The family goes before that of the options, as in ioredis. */
interface Address {
  readonly host?: string;
  readonly port?: number;
  readonly family?: number;
}

export interface Sentinels {
  readonly addresses: readonly Address[];
  readonly masterName: string;
  /** How to reach them: user, password, TLS. */
  readonly options: RedisOptions;
}

export interface SentinelEvents {
  /** Another master has been promoted, or named. */
  readonly onSwitch: () => void;
  /** No sentinel tells, and one has refused to. */
  readonly onRefused: (error: unknown) => void;
}

/**
 * Listens to the sentinels, over a connection to each, for word of another master. The old one can be written to for some
 * seconds yet: clients that stay with it would grant what clients that come now grant at the new one.
 *
 * A sentinel that hangs after it has let it listen, and keeps the connection open, is not noticed: it still counts as one that tells.
 */
export class SentinelWatch {
  /** Those that have answered or are away; of the others it is unknown yet. */
  readonly #clients = new Map<Redis, 'unknown' | 'tells' | 'refuses' | 'away'>();
  /** What the last one that refused has said. */
  #refusal: unknown;

  constructor(
    private readonly sentinels: Sentinels,
    private readonly events: SentinelEvents,
  ) {}

  start(): void {
    const { addresses, options } = this.sentinels;
    this.stop();
    for (const { host, port, family } of addresses) {
      const client: Redis = new Redis({
        connectTimeout: ANSWER_WITHIN,
        commandTimeout: ANSWER_WITHIN,
        ...options,
        ...(family && { family }),
        host,
        port: port ?? 26_379,
        protocol: 2,
        disableClientInfo: true,
        enableReadyCheck: false,
        autoResubscribe: false,
        maxRetriesPerRequest: null,
        retryStrategy: () => (this.#clients.get(client) === 'refuses' ? RETRY_AFTER_REFUSAL : RETRY),
      });
      this.#clients.set(client, 'unknown');
      // A sentinel that is away is no news: the others tell.
      client.on('error', (error: unknown) => this.#failed(client, error));
      client.on('message', this.#told);
      client.on('ready', () => this.#subscribe(client));
    }
  }

  stop(): void {
    for (const client of this.#clients.keys()) {
      client.off('message', this.#told);
      client.disconnect();
    }
    this.#clients.clear();
  }

  #subscribe(client: Redis): void {
    client.subscribe(...CHANNELS).then(
      () => this.#became(client, 'tells'),
      (error: unknown) => {
        this.#failed(client, error);
        // The rights may be given later.
        if (this.#clients.has(client)) client.disconnect(true);
      },
    );
  }

  #failed(client: Redis, error: unknown): void {
    const refuses = cleanError(error).answered;
    if (refuses) this.#refusal = error;
    this.#became(client, refuses ? 'refuses' : 'away');
    const states = [...this.#clients.values()];
    if (states.includes('refuses') && !states.includes('tells') && !states.includes('unknown'))
      this.events.onRefused(this.#refusal);
  }

  #became(client: Redis, state: 'tells' | 'refuses' | 'away'): void {
    // It may have been stopped meanwhile.
    if (this.#clients.has(client)) this.#clients.set(client, state);
  }

  readonly #told = (_channel: string, message: string): void => {
    // One sentinel may watch several masters.
    if (message.split(' ').includes(this.sentinels.masterName)) this.events.onSwitch();
  };
}
