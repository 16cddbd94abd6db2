import { outsideCalls, type Timer } from '../../../common/clock.js';
import { Backoff } from '../../../common/backoff.js';
import { RECONNECTING } from './reconnecting.js';
import { DISCONNECT_TIMEOUT, followSentinels, type RedisClient } from './clients.js';
import type { Connection, ConnectionOwner, ConnectionSettings } from './connection.js';
import { cleanError, NodeError } from '../errors/index.js';
import { ConnectFailure } from './connect-failure.js';
import type { SentinelWatch } from './sentinel-watch.js';

/** A connection of the driver's own. Every try makes a new client, and a client that failed once is thrown away. */
export class OwnConnection implements Connection {
  readonly #create: () => RedisClient | Promise<RedisClient>;
  readonly #owner: ConnectionOwner;
  readonly #settings: ConnectionSettings;
  readonly #backoff: Backoff;
  /** Clients whose sockets are not closed yet. */
  readonly #closing = new Set<Promise<void>>();
  #live: RedisClient | undefined;
  /** Of the client in use, until it is discarded. */
  #watch: SentinelWatch | undefined;
  /** Ends the present try. */
  #abandon: ((error: NodeError) => void) | undefined;
  #retry: Timer | undefined;
  #stopped = false;
  /** The connection has worked once, so the URL is right. */
  #proven = false;

  constructor(
    create: () => RedisClient | Promise<RedisClient>,
    owner: ConnectionOwner,
    settings: ConnectionSettings,
  ) {
    this.#create = create;
    this.#owner = owner;
    this.#settings = settings;
    this.#backoff = new Backoff({ ...RECONNECTING, random: settings.random });
  }

  async start(): Promise<void> {
    // The first call that waits opens the connection for all later calls: keep that call's context out of it.
    const made = outsideCalls(this.#create);
    const client = made instanceof Promise ? await this.#madeInTime(made) : made;
    try {
      await this.#connect(client);
    } catch (error) {
      this.#discard(client);
      this.#retryLater();
      throw error;
    }
    if (this.#stopped) {
      this.#discard(client);
      throw new NodeError('stopped', { sent: false });
    }
    this.#backoff.reset();
    this.#live = client;
    this.#owner.onUp(client);
  }

  /** Waits for the application's password function, for as long as connecting may take. */
  async #madeInTime(made: Promise<RedisClient>): Promise<RedisClient> {
    const { clock, connectTimeout, secrets } = this.#settings;
    let watchdog: Timer | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      this.#abandon = reject;
      const error = new NodeError(
        `redis.options.password or redis.options.username gave nothing within ${connectTimeout} ms`,
        {
          sent: false,
        },
      );
      watchdog = clock.setTimer(connectTimeout, () => reject(error));
    });
    try {
      return await Promise.race([made, late]);
    } catch (error) {
      this.#retryLater();
      throw cleanError(error, secrets);
    } finally {
      watchdog?.cancel();
    }
  }

  fail(error: NodeError): void {
    const client = this.#live;
    if (!client) return;
    this.#live = undefined;
    this.#discard(client);
    this.#owner.onDown(error);
    this.#retryLater();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#abandon?.(new NodeError('stopped', { sent: false }));
    if (this.#live) this.#discard(this.#live);
    this.#live = undefined;
    await Promise.all(this.#closing);
  }

  /** Connects and verifies, in bounded time: a stopped server accepts connections and never answers. */
  #connect(client: RedisClient): Promise<void> {
    const { clock, connectTimeout, secrets, tls, onSentinelsRefuse } = this.#settings;
    return new Promise<void>((resolve, reject) => {
      const reasons = new ConnectFailure(secrets, this.#proven ? undefined : tls);
      const settle = (error?: NodeError): void => {
        watchdog.cancel();
        if (this.#abandon === settle) this.#abandon = undefined;
        if (error) reject(error);
        else resolve();
      };
      // The watch may learn a moment later than the client why a sentinel is of no use. The watchdog ends the wait for it.
      const explain = async (reason: () => NodeError): Promise<void> => {
        if (reasons.isVague && !this.#proven) await this.#watch?.heard();
        settle(reason());
      };
      const watchdog = clock.setTimer(connectTimeout, () => settle(reasons.silence(connectTimeout)));
      this.#abandon = settle;
      // ioredis reports the reason in events, and then rejects only with 'Connection is closed.'
      client.on('error', reasons.told);
      client.on('sentinelError', reasons.detail);
      client.on('node error', reasons.detail);
      client.once('end', () => {
        if (this.#live === client) this.fail(reasons.ending());
        void explain(() => reasons.ending());
      });
      outsideCalls(() => {
        // Before the client asks where the master is, so that nothing is missed.
        this.#watch = onSentinelsRefuse && followSentinels(client, onSentinelsRefuse, reasons.ofSentinel);
        return client.connect();
      })
        .then(() => {
          reasons.check();
          return this.#owner.verify(client);
        })
        .then(
          () => {
            this.#proven = true;
            reasons.proven();
            settle();
          },
          (error: unknown) => void explain(() => reasons.failure(error)),
        );
    });
  }

  #discard(client: RedisClient): void {
    // The client itself may take seconds to end, while it asks sentinels that hang.
    this.#watch?.stop();
    if (client.status === 'end') return;
    const closed = new Promise<void>((resolve) => {
      const giveUp = this.#settings.clock.setTimer(4 * DISCONNECT_TIMEOUT, resolve);
      client.once('end', () => {
        giveUp.cancel();
        resolve();
      });
    }).then(() => void this.#closing.delete(closed));
    this.#closing.add(closed);
    client.disconnect();
  }

  #retryLater(): void {
    if (this.#stopped) return;
    this.#retry?.cancel();
    this.#retry = this.#settings.clock.setTimer(
      this.#backoff.next(),
      () => {
        if (!this.#stopped)
          this.start().catch((error: unknown) => this.#owner.onRefused?.(cleanError(error)));
      },
      'background',
    );
  }
}
