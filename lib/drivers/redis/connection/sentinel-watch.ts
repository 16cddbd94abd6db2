import { Redis, type RedisOptions } from 'ioredis';

/** What sentinels tell of a master: another one has been promoted, or named. */
const CHANNELS = ['+promoted-slave', '+switch-master'];

/** Between two tries to reach a sentinel, ms. */
const RETRY = 1000;

export interface Sentinels {
  readonly addresses: readonly { readonly host?: string; readonly port?: number }[];
  readonly masterName: string;
  /** How to reach them: user, password, TLS. */
  readonly options: RedisOptions;
}

/**
 * Listens to the sentinels, over a connection to each, for word of another master. The old one can be written to for some
 * seconds yet: clients that stay with it would grant what clients that come now grant at the new one.
 */
export class SentinelWatch {
  #clients: Redis[] = [];

  constructor(
    private readonly sentinels: Sentinels,
    private readonly onSwitch: () => void,
  ) {}

  start(): void {
    const { addresses, options } = this.sentinels;
    this.stop();
    this.#clients = addresses.map(({ host, port }) => {
      const client = new Redis({
        ...options,
        host,
        port: port ?? 26_379,
        protocol: 2,
        disableClientInfo: true,
        enableReadyCheck: false,
        maxRetriesPerRequest: null,
        retryStrategy: () => RETRY,
      });
      // A sentinel that is away is no news: the others tell.
      client.on('error', () => undefined);
      client.on('message', this.#told);
      client.subscribe(...CHANNELS).catch(() => undefined);
      return client;
    });
  }

  stop(): void {
    for (const client of this.#clients) {
      client.off('message', this.#told);
      client.disconnect();
    }
    this.#clients = [];
  }

  readonly #told = (_channel: string, message: string): void => {
    // One sentinel may watch several masters.
    if (message.split(' ').includes(this.sentinels.masterName)) this.onSwitch();
  };
}
