import type { Timer } from '../../../common/clock.js';
import { Backoff } from '../../../common/backoff.js';
import { RECONNECTING } from './reconnecting.js';
import { isCluster, type RedisClient, sentinelsOf } from './clients.js';
import type { Connection, ConnectionOwner, ConnectionSettings } from './connection.js';
import { cleanError, NodeError } from '../errors/index.js';
import { SentinelWatch } from './sentinel-watch.js';

/**
 * A ready client of the application. The driver connects it if needed, watches and probes it, but never closes it. When the client
 * leads to a server that is no longer the master, the driver makes it reconnect, as its own `reconnectOnError` would; but only if it
 * reconnects by itself. At most one probe is under way, however long the client keeps the probe in its queue.
 */
export class BorrowedConnection implements Connection {
  readonly #client: RedisClient;
  readonly #owner: ConnectionOwner;
  readonly #settings: ConnectionSettings;
  readonly #backoff: Backoff;
  #state: 'idle' | 'probing' | 'up' | 'down' | 'stopped' = 'idle';
  #retry: Timer | undefined;
  #reason: NodeError | undefined;
  /** The number of the present probe. */
  #probes = 0;
  #interrupted = false;
  /** The sentinels named another master while the client connected, perhaps to the one before. */
  #switched = false;
  readonly #watch: SentinelWatch | undefined;
  /** Ends a wait for the client to be ready. */
  #given: (() => void) | undefined;
  /** Ends the start that is under way. */
  #abandon: ((error: NodeError) => void) | undefined;
  /** Ends the probe that is under way. */
  #abandonProbe: ((error: NodeError) => void) | undefined;

  constructor(client: RedisClient, owner: ConnectionOwner, settings: ConnectionSettings) {
    this.#client = client;
    this.#owner = owner;
    this.#settings = settings;
    this.#backoff = new Backoff({ ...RECONNECTING, random: settings.random });
    const sentinels = sentinelsOf(client);
    if (sentinels)
      this.#watch = new SentinelWatch(sentinels, {
        onSwitch: () => this.#onSwitch(),
        onRefused: (error) => settings.onSentinelsRefuse?.(error),
      });
  }

  async start(): Promise<void> {
    this.#client.on('close', this.#onClose);
    this.#client.on('end', this.#onClose);
    this.#client.on('ready', this.#onReady);
    this.#client.on('error', this.#onError);
    this.#watch?.start();
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
    this.#tryLater(error);
  }

  stop(): Promise<void> {
    this.#state = 'stopped';
    this.#abandon?.(new NodeError('stopped', { sent: false }));
    this.#given?.();
    this.#retry?.cancel();
    this.#watch?.stop();
    this.#client.off('close', this.#onClose);
    this.#client.off('end', this.#onClose);
    this.#client.off('ready', this.#onReady);
    this.#client.off('error', this.#onError);
    return Promise.resolve();
  }

  readonly #onClose = (): void => {
    this.#interrupted = true;
    this.fail(this.#reason ?? closed());
  };

  #onSwitch(): void {
    this.#switched = ['connecting', 'connect'].includes(this.#client.status);
    reconnect(this.#client);
  }

  readonly #onReady = (): void => {
    this.#reason = undefined;
    const late = this.#switched;
    this.#switched = false;
    if (late && reconnect(this.#client)) return;
    if (this.#state === 'down') this.#probeNow();
    else if (this.#interrupted && dropsUnanswered(this.#client)) {
      // The client has dropped what it had sent over the connection before, and never settles it.
      this.#backoff.reset();
      this.#abandonProbe?.(closed());
    }
  };

  readonly #onError = (error: unknown): void => {
    this.#reason = cleanError(error, this.#settings.secrets);
  };

  async #probe(): Promise<void> {
    this.#state = 'probing';
    const abandoned = new Promise<never>((_resolve, reject) => (this.#abandonProbe = reject));
    try {
      await Promise.race([this.#ask(), abandoned]);
    } catch (thrown) {
      const error = cleanError(thrown, this.#settings.secrets);
      if (this.#is('probing')) {
        this.#state = 'down';
        this.#tryLater(error);
      }
      throw error;
    } finally {
      this.#abandonProbe = undefined;
    }
    if (!this.#is('probing')) return;
    this.#backoff.reset();
    this.#state = 'up';
    this.#owner.onUp(this.#client);
  }

  async #ask(): Promise<void> {
    const probe = (this.#probes += 1);
    await this.#connected();
    // TIME first: it shows whether the server answers, and does no harm if the client keeps it for later. The documented ACL line has it.
    await this.#client.time();
    if (this.#probes !== probe || !this.#is('probing')) return;
    this.#interrupted = false;
    await this.#owner.verify(this.#client);
    if (this.#interrupted) throw closed();
  }

  /** A client without an offline queue takes no command before it is ready. */
  async #connected(): Promise<void> {
    const { options, status } = this.#client;
    if (options.enableOfflineQueue !== false || status === 'ready' || status === 'end') return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#client.off('ready', done);
        this.#client.off('end', done);
        this.#given = undefined;
        resolve();
      };
      // So that a stop does not wait for the client.
      this.#given = done;
      this.#client.on('ready', done);
      this.#client.on('end', done);
    });
  }

  /** The state changes while a probe waits, which the compiler cannot know. */
  #is(state: string): boolean {
    return this.#state === state;
  }

  #probeNow(): void {
    this.#retry?.cancel();
    this.#probe().catch((error: unknown) => {
      if (!this.#is('stopped')) this.#owner.onRefused?.(cleanError(error));
    });
  }

  /** @param why the error of the last try */
  #tryLater(why: NodeError): void {
    this.#retry?.cancel();
    const again = (): void => {
      if (why.consequence === 'reconnect') reconnect(this.#client);
      this.#probeNow();
    };
    this.#retry = this.#settings.clock.setTimer(this.#backoff.next(), again, 'background');
  }
}

/** Whether the client drops the commands that a lost connection has not answered. A Cluster client is not used itself. */
function dropsUnanswered(client: RedisClient): boolean {
  return !isCluster(client) && client.options.autoResendUnfulfilledCommands === false;
}

function closed(): NodeError {
  return new NodeError('the connection was closed');
}

/**
 * Only for a client that reconnects by itself. Any other one would stay closed, and belongs to the application.
 * @returns whether it does
 */
function reconnect(client: RedisClient): boolean {
  if (client.status !== 'ready' || isCluster(client)) return false;
  if (typeof client.options.retryStrategy !== 'function') return false;
  client.disconnect(true);
  return true;
}
