import { Backoff } from '../../../common/backoff.js';
import { type Clock, outsideCalls, type Timer } from '../../../common/clock.js';
import type { BackendUnavailableError } from '../../../errors.js';
import { explain, unavailable } from '../errors/index.js';
import { AnswerWatch } from './answer-watch.js';
import type { PgClient, PgClients, PgNotification, PgResult } from './pg-client.js';

/** The pauses between two connects, ms. */
const PAUSES = { first: 50, longest: 1000 };

/** How long a client may take to end, ms. */
const LONGEST_FAREWELL = 500;

/** The most calls that wait for one connection. More are refused: the first one would otherwise be too late for its own lease. */
const MOST_WAITING = 5000;

/** The longest that a call waits for the connection, ms: behind a slow server, calls would otherwise wait as long as their queue is. */
const LONGEST_IN_LINE = 5000;

/** The longest timer that there is, ms: the time-out of pg itself would count the time in which this process was blocked. */
const NO_TIMEOUT = 2 ** 31 - 1;

interface Call {
  readonly what: string;
  readonly text: string;
  readonly values: readonly unknown[];
  /** When it came, on the monotonic clock, ms. */
  readonly since: number;
  readonly resolve: (result: PgResult) => void;
  readonly reject: (error: Error) => void;
}

export interface LinkContext {
  readonly clients: PgClients;
  readonly clock: Clock;
  readonly random: () => number;
  /** Prepares a new connection. @throws when the server cannot be used */
  readonly onConnect: (client: PgClient) => Promise<void>;
  /** The link has come up or gone down. */
  readonly onChange: () => void;
  readonly onNotification?: (payload: string) => void;
}

/**
 * One connection, which the link replaces when it is lost. The link sends one statement at a time, so that nothing stands between a
 * statement and its answer. Each statement is answered or fails within the command time-out, counted from when it is sent. It waits for
 * its turn no longer than LONGEST_IN_LINE. While there is no connection, calls fail at once.
 */
export class Link {
  readonly #context: LinkContext;
  readonly #backoff: Backoff;
  readonly #waiting: Call[] = [];
  readonly #watch: AnswerWatch;
  #client: PgClient | undefined;
  #current: Call | undefined;
  #up = false;
  #cause: unknown = new Error('not connected yet');
  #again: Timer | undefined;
  #stopped = false;
  /** Rejects when the link is stopped. */
  readonly #stopping: Promise<never>;
  #refuse: (error: Error) => void = () => undefined;
  /** The clients that are still ending. */
  readonly #ending = new Set<Promise<void>>();

  constructor(context: LinkContext) {
    this.#context = context;
    const silent = (): void => this.#lost(new Error('Query read timeout'));
    this.#watch = new AnswerWatch(context.clock, context.clients.commandTimeout, silent);
    this.#backoff = new Backoff({ ...PAUSES, random: context.random });
    this.#stopping = new Promise((_, reject) => (this.#refuse = reject));
    this.#stopping.catch(() => undefined);
  }

  get up(): boolean {
    return this.#up;
  }

  /** Why the link is down. */
  get cause(): unknown {
    return this.#cause;
  }

  /**
   * Connects for the first time.
   * @throws what pg or the set-up throws; the link does not try again then
   */
  async open(): Promise<void> {
    await this.#connect();
  }

  /**
   * @param what the task, as an infinitive after "cannot"
   * @param place before or behind the calls that already wait for this connection
   * @throws BackendUnavailableError
   */
  query(
    what: string,
    text: string,
    values: readonly unknown[] = [],
    place: 'last' | 'first' = 'last',
  ): Promise<PgResult> {
    if (!this.#up) return Promise.reject(this.#unavailable(what, this.#cause));
    if (this.#waiting.length >= MOST_WAITING)
      return Promise.reject(
        this.#unavailable(what, new Error(`${MOST_WAITING} statements wait for the connection already`)),
      );
    return new Promise((resolve, reject) => {
      const since = this.#context.clock.monotonic();
      const call = { what, text, values, since, resolve, reject };
      if (place === 'first') this.#waiting.unshift(call);
      else this.#waiting.push(call);
      if (!this.#current) this.#next();
    });
  }

  /** Gives up the connection, if there is one, for a new one. Its calls fail: whether their statements ran is unknown. */
  drop(cause: unknown): void {
    if (this.#up) this.#lost(cause);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#refuse(new Error('the coordinator has stopped'));
    this.#again?.cancel();
    this.#down(new Error('the coordinator has stopped'));
    await Promise.all(this.#ending);
  }

  async #connect(): Promise<void> {
    const client = await this.#context.clients.create();
    if (this.#stopped) throw new Error('the coordinator has stopped');
    let ended: unknown;
    let fail: (error: unknown) => void = () => undefined;
    const failing = new Promise<never>((_, reject) => (fail = reject));
    const onGone = (error: unknown): void => {
      ended ??= error;
      fail(error);
      if (this.#client === client) this.#lost(error);
    };
    client.on('error', onGone);
    client.on('end', () => onGone(new Error('Connection ended')));
    client.on('notification', ({ payload = '' }: PgNotification) => {
      if (this.#client === client) outsideCalls(() => this.#context.onNotification?.(payload));
    });
    this.#client = client;
    try {
      // A client that is ended while it connects never settles its `connect`. After some failures it only emits `error`.
      await Promise.race([
        client.connect().then(() => this.#context.onConnect(client)),
        failing,
        this.#stopping,
      ]);
      if (ended !== undefined || this.#stopped) throw ended ?? new Error('the coordinator has stopped');
    } catch (error) {
      if (this.#client === client) this.#client = undefined;
      this.#end(client);
      throw error;
    }
    this.#up = true;
    this.#backoff.reset();
    this.#context.onChange();
  }

  #next(): void {
    const call = this.#nextInTime();
    this.#current = call;
    const client = this.#client;
    if (!call || !client) return this.#watch.end();
    this.#watch.begin();
    client.query({ text: call.text, values: call.values, query_timeout: NO_TIMEOUT }).then(
      (result) => {
        if (this.#current !== call) return;
        call.resolve(result);
        this.#next();
      },
      (error: unknown) => {
        if (this.#current !== call) return;
        call.reject(this.#unavailable(call.what, error));
        if (explain(error).consequence === 'reconnect') this.#lost(error);
        else this.#next();
      },
    );
  }

  /** The next call that has not waited too long. It refuses the older ones. */
  #nextInTime(): Call | undefined {
    const oldest = this.#context.clock.monotonic() - LONGEST_IN_LINE;
    let call = this.#waiting.shift();
    for (; call && call.since < oldest; call = this.#waiting.shift())
      call.reject(
        this.#unavailable(
          call.what,
          new Error(`the connection was busy with other statements for ${LONGEST_IN_LINE} ms`),
        ),
      );
    return call;
  }

  /** The connection is broken. All its calls fail: whether their statements ran is unknown. */
  #lost(error: unknown): void {
    const wasUp = this.#up;
    this.#down(error);
    if (wasUp && !this.#stopped) this.#reconnectLater();
  }

  #down(error: unknown): void {
    this.#watch.stop();
    const client = this.#client;
    const wasUp = this.#up;
    const calls = [...(this.#current ? [this.#current] : []), ...this.#waiting.splice(0)];
    this.#client = undefined;
    this.#current = undefined;
    this.#up = false;
    this.#cause = error;
    if (client) this.#end(client);
    for (const call of calls) call.reject(this.#unavailable(call.what, error));
    if (wasUp) this.#context.onChange();
  }

  #reconnectLater(): void {
    this.#again = this.#context.clock.setTimer(
      this.#backoff.next(),
      () => {
        this.#connect().catch((error: unknown) => {
          this.#cause = error;
          if (!this.#stopped) this.#reconnectLater();
        });
      },
      'background',
    );
  }

  /** Ends a client for good: after a time-out it answers nothing any more. A stopped server does not hear the end, so its socket is cut. */
  #end(client: PgClient): void {
    const cut = this.#context.clock.setTimer(LONGEST_FAREWELL, () => client.connection?.stream?.destroy());
    const ending: Promise<void> = client
      .end()
      .catch(() => undefined)
      .finally(() => {
        cut.cancel();
        this.#ending.delete(ending);
      });
    this.#ending.add(ending);
  }

  #unavailable(what: string, cause: unknown): BackendUnavailableError {
    return unavailable(this.#context.clients.name, what, cause);
  }
}
