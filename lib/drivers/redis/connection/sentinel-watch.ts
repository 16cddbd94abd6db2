import { Redis, type RedisOptions } from 'ioredis';
import { cleanError } from '../errors/index.js';

/** The messages of sentinels about another master: it was promoted, or named. */
const CHANNELS = ['+promoted-slave', '+switch-master'];

/** The pauses between two tries to reach a sentinel, ms: usually, and after it has refused the subscription. */
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
  /** Another master was promoted, or named. */
  readonly onSwitch: () => void;
  /** No sentinel reports, and one has refused to. */
  readonly onRefused: (error: unknown) => void;
  /** A sentinel cannot be reached, or has refused something. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Listens to every sentinel, over a connection to each, for another master. The old master takes writes for some more seconds: clients
 * that stay with it would grant the same locks that new clients are granted at the new master. A sentinel whose connection was lost is
 * asked for the master, as it may have told of another one meanwhile.
 *
 * A sentinel that hangs after it has let the watch listen, and keeps the connection open, is not noticed: it still counts as reporting.
 */
export class SentinelWatch {
  /** The state of each sentinel; `unknown` until it has answered or is known to be away. */
  readonly #clients = new Map<Redis, 'unknown' | 'tells' | 'refuses' | 'away'>();
  /** The address of the master, as each sentinel has told it last. */
  readonly #masters = new Map<Redis, string>();
  /** The address of the master that one of them has named last. */
  #named: string | undefined;
  /** What the last one that refused has said. */
  #refusal: unknown;
  /** Called once no state is `unknown`. */
  #onHeard: (() => void)[] = [];

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
      // A sentinel that is away needs no report: the other sentinels still report.
      client.on('error', (error: unknown) => this.#failed(client, error));
      // A proxy without a sentinel behind it accepts, and closes without an error.
      client.on('close', () => this.#closed(client));
      client.on('message', (channel: string, message: string) => this.#told(client, channel, message));
      client.on('ready', () => {
        this.#askForMaster(client);
        this.#subscribe(client);
      });
    }
  }

  stop(): void {
    const clients = [...this.#clients.keys()];
    this.#clients.clear();
    this.#masters.clear();
    for (const client of clients) client.disconnect();
    this.#tellIfHeard();
  }

  /** Waits until each sentinel has let the watch listen, has refused, or is known to be away; or for the end of the watch. */
  heard(): Promise<void> {
    return new Promise((resolve) => {
      this.#onHeard.push(resolve);
      this.#tellIfHeard();
    });
  }

  /** The answer and that to the subscription come one after the other, so that hardly a switch lies between the two. */
  #askForMaster(client: Redis): void {
    client.call('sentinel', 'get-master-addr-by-name', this.sentinels.masterName).then(
      (address) => {
        if (Array.isArray(address)) this.#isMaster(client, address.join(' '));
      },
      // A sentinel that refuses this refuses the driver's own connection too.
      (error: unknown) => this.events.onError?.(error),
    );
  }

  #isMaster(client: Redis, address: string): void {
    if (!this.#clients.has(client)) return;
    const before = this.#masters.get(client);
    this.#masters.set(client, address);
    // Another sentinel may have told of that one already.
    if (before !== undefined && before !== address && address !== this.#named) this.events.onSwitch();
  }

  #subscribe(client: Redis): void {
    client.subscribe(...CHANNELS).then(
      () => this.#became(client, 'tells'),
      (error: unknown) => {
        this.#failed(client, error);
        // Try again: an operator may give the rights later.
        if (this.#clients.has(client)) client.disconnect(true);
      },
    );
  }

  #failed(client: Redis, error: unknown): void {
    this.events.onError?.(error);
    const refuses = cleanError(error).answered;
    if (refuses) this.#refusal = error;
    this.#became(client, refuses ? 'refuses' : 'away');
    this.#tellIfRefused();
  }

  #tellIfRefused(): void {
    const states = [...this.#clients.values()];
    if (states.includes('refuses') && !states.includes('tells') && !states.includes('unknown'))
      this.events.onRefused(this.#refusal);
  }

  #closed(client: Redis): void {
    if (this.#clients.get(client) !== 'unknown') return;
    this.#became(client, 'away');
    this.#tellIfRefused();
  }

  #became(client: Redis, state: 'tells' | 'refuses' | 'away'): void {
    // The watch may have been stopped meanwhile.
    if (!this.#clients.has(client)) return;
    this.#clients.set(client, state);
    this.#tellIfHeard();
  }

  #tellIfHeard(): void {
    if ([...this.#clients.values()].includes('unknown')) return;
    for (const resolve of this.#onHeard.splice(0)) resolve();
  }

  #told(client: Redis, channel: string, message: string): void {
    if (!this.#clients.has(client)) return;
    const words = message.split(' ');
    // One sentinel may watch several masters.
    if (!words.includes(this.sentinels.masterName)) return;
    // The name, the old address, the new one.
    if (channel === '+switch-master') {
      this.#named = words.slice(3).join(' ');
      this.#masters.set(client, this.#named);
    }
    this.events.onSwitch();
  }
}
