import type { Timer } from '../../common/clock.js';
import { Backoff } from './backoff.js';
import type { RedisClient } from './clients.js';
import type { Connection, ConnectionOwner, ConnectionSettings } from './connection.js';
import { cleanError, NodeError } from './node-error.js';

/**
 * A ready client of the application: connected if nobody did it yet, watched and probed, but never closed or
 * reconnected. At most one probe is under way, however long the client keeps it in its queue.
 */
export class BorrowedConnection implements Connection {
  readonly #client: RedisClient;
  readonly #owner: ConnectionOwner;
  readonly #settings: ConnectionSettings;
  readonly #backoff: Backoff;
  #state: 'idle' | 'probing' | 'up' | 'down' | 'stopped' = 'idle';
  #retry: Timer | undefined;
  #reason: NodeError | undefined;
  #interrupted = false;
  /** Ends the start that is under way. */
  #abandon: ((error: NodeError) => void) | undefined;

  constructor(client: RedisClient, owner: ConnectionOwner, settings: ConnectionSettings) {
    this.#client = client;
    this.#owner = owner;
    this.#settings = settings;
    this.#backoff = new Backoff(settings.random);
  }

  async start(): Promise<void> {
    this.#client.on('close', this.#onClose);
    this.#client.on('end', this.#onClose);
    this.#client.on('ready', this.#onReady);
    this.#client.on('error', this.#onError);
    if (this.#client.status === 'wait') {
      this.#client.connect().catch(this.#onError);
    }
    const probe = this.#probe();
    const { clock, connectTimeout } = this.#settings;
    let watchdog: Timer | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      this.#abandon = reject;
      watchdog = clock.setTimer(connectTimeout, () => {
        reject(this.#reason ?? new NodeError(`no answer within ${connectTimeout} ms`, { code: 'ETIMEDOUT' }));
      });
    });
    try {
      await Promise.race([probe, late]);
    } finally {
      watchdog?.cancel();
    }
  }

  fail(error: NodeError): void {
    if (this.#state !== 'up') return;
    this.#state = 'down';
    this.#owner.onDown(error);
    this.#probeLater();
  }

  stop(): Promise<void> {
    this.#state = 'stopped';
    this.#abandon?.(new NodeError('stopped', { sent: false }));
    this.#retry?.cancel();
    this.#client.off('close', this.#onClose);
    this.#client.off('end', this.#onClose);
    this.#client.off('ready', this.#onReady);
    this.#client.off('error', this.#onError);
    return Promise.resolve();
  }

  readonly #onClose = (): void => {
    this.#interrupted = true;
    this.fail(this.#reason ?? new NodeError('the connection was closed'));
  };

  readonly #onReady = (): void => {
    this.#reason = undefined;
    if (this.#state === 'down') this.#probeNow();
  };

  readonly #onError = (error: unknown): void => {
    this.#reason = cleanError(error, this.#settings.secrets);
  };

  async #probe(): Promise<void> {
    this.#state = 'probing';
    try {
      // PING first: it says whether anybody answers, and costs nothing if the client keeps it for later.
      await this.#client.ping();
      if (!this.#is('probing')) return;
      this.#interrupted = false;
      await this.#owner.verify(this.#client);
      if (this.#interrupted) throw new NodeError('the connection was closed');
    } catch (error) {
      if (this.#is('probing')) {
        this.#state = 'down';
        this.#probeLater();
      }
      throw cleanError(error, this.#settings.secrets);
    }
    if (!this.#is('probing')) return;
    this.#backoff.reset();
    this.#state = 'up';
    this.#owner.onUp(this.#client);
  }

  /** The state changes while a probe waits; the compiler cannot know. */
  #is(state: string): boolean {
    return this.#state === state;
  }

  #probeNow(): void {
    this.#retry?.cancel();
    this.#probe().catch((error: unknown) => {
      if (!this.#is('stopped')) this.#owner.onRefused?.(cleanError(error));
    });
  }

  #probeLater(): void {
    this.#retry?.cancel();
    this.#retry = this.#settings.clock.setTimer(this.#backoff.next(), () => this.#probeNow(), 'background');
  }
}
