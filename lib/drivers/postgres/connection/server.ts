import { randomBytes } from 'node:crypto';
import { BackendUnavailableError } from '../../../errors.js';
import type { DriverContext } from '../../driver.js';
import { startError, unavailable } from '../errors/index.js';
import { quotedSchema } from '../schema/index.js';
import { Link } from './link.js';
import { Purge, type PurgeContext } from './purge.js';
import { checkSameDatabase } from './same-database.js';
import type { PgClient, PgClients, PgResult } from './pg-client.js';
import { ask, openServer, openSession } from './session.js';

export interface ServerSettings {
  readonly schema: string;
  readonly migrate: boolean;
  /** true: always LISTEN; false: never; undefined: LISTEN unless there is a pooler. */
  readonly listen: boolean | undefined;
  /** The coordinator's lease time, ms. */
  readonly ttl: number;
  readonly clients: PgClients;
  /** The clients of the connection that listens, where it has another URL. */
  readonly listening?: PgClients | undefined;
}

export interface ServerListener {
  onNotification(payload: string): void;
  /** Notifications may have been missed, or none will come any more. */
  onMissed(): void;
}

/**
 * One PostgreSQL server over two connections. "Work" carries the calls that callers wait for. "Upkeep" listens, and carries renewals and
 * records: those then do not stand behind a queue of acquisitions, and a connection that only listened would not notice its end. Each
 * stands in for the other one.
 */
export class Server {
  readonly name: string;
  /** The schema as SQL writes it. */
  readonly schema: string;
  /** The notification channel of this process alone. */
  readonly channel = `nestcoord_${randomBytes(10).toString('hex')}`;
  readonly #settings: ServerSettings;
  readonly #context: DriverContext;
  readonly #listener: ServerListener;
  readonly #work: Link;
  readonly #upkeep: Link;
  readonly #purge: Purge;
  #longestTtl: number;
  #timeline: string | null = null;
  /** Until when nothing is granted, on the monotonic clock, ms. */
  #refusesUntil = -Infinity;
  #listening = false;
  #warned = false;
  #state: 'new' | 'up' | 'down' | 'stopped' = 'new';

  constructor(settings: ServerSettings, context: DriverContext, listener: ServerListener) {
    this.#settings = settings;
    this.#context = context;
    this.#listener = listener;
    this.#longestTtl = settings.ttl;
    this.name = settings.clients.name;
    this.schema = quotedSchema(settings.schema);
    const { clock, random } = context;
    const onChange = (): void => this.#look();
    this.#work = new Link({
      clients: settings.clients,
      clock,
      random,
      onChange,
      onConnect: async (client) => void (await this.#open(client, this.#work)),
    });
    this.#upkeep = new Link({
      clients: settings.listening ?? settings.clients,
      clock,
      random,
      onChange,
      onConnect: (client) => this.#openUpkeep(client),
      onNotification: (payload) => listener.onNotification(payload),
    });
    const call: PurgeContext['call'] = (what, text, values) => this.call(what, text, values);
    this.#purge = new Purge({ clock, random, schema: this.schema, call });
  }

  /** Whether the server notifies waiters, so that they need not look often. */
  get listening(): boolean {
    return this.#listening && this.#upkeep.up;
  }

  /** Whether the server can be asked at this moment. */
  get up(): boolean {
    return this.#work.up || this.#upkeep.up;
  }

  /** Null where the server does not tell it. */
  get timeline(): string | null {
    return this.#timeline;
  }

  /** @throws InvalidOptionsError, CoordinationSchemaError, BackendUnavailableError */
  async start(): Promise<void> {
    try {
      await this.#work.open();
      await this.#upkeep.open();
      if (this.#settings.listening) await checkSameDatabase(this.#work, this.#upkeep, this.schema);
    } catch (error) {
      await this.stop();
      throw startError(this.name, error);
    }
    if (this.#state === 'stopped') throw unavailable(this.name, 'start', new Error('it was stopped'));
    this.#state = 'up';
    this.#context.onBackendChange({ state: 'up' });
    this.#purge.start();
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#purge.stop();
    await Promise.all([this.#work.stop(), this.#upkeep.stop()]);
  }

  /** @throws BackendUnavailableError */
  call(what: string, text: string, values?: readonly unknown[]): Promise<PgResult> {
    return this.#asked.query(what, text, values);
  }

  /** The link for the calls that callers wait for. */
  get #asked(): Link {
    return this.#work.up ? this.#work : this.#upkeep;
  }

  /** Sends a statement that must not wait behind the callers' calls. @throws BackendUnavailableError */
  keepUp(what: string, text: string, values?: readonly unknown[]): Promise<PgResult> {
    return (this.#upkeep.up ? this.#upkeep : this.#work).query(what, text, values, 'first');
  }

  /** Waits until leases of that ttl (ms) may be asked for, or rejects; undefined when they may at once. */
  mayGrant(ttl: number): Promise<void> | undefined {
    const left = this.#refusesUntil - this.#context.clock.monotonic();
    if (left > 0) return Promise.reject(this.#refusal(left));
    return ttl > this.#longestTtl ? this.lookAgain(ttl) : undefined;
  }

  /**
   * Asks which server answers. Needed after another server has answered, and before a longer lease than all before.
   * @throws BackendUnavailableError
   */
  async lookAgain(ttl = this.#longestTtl): Promise<void> {
    const text = `SELECT * FROM ${this.schema}.open_1($1)`;
    const link = this.#asked;
    const result = await link.query('ask which server this is', text, [Math.ceil(ttl)]);
    this.#longestTtl = Math.max(this.#longestTtl, ttl);
    try {
      this.#note(result, link);
    } catch (error) {
      // The next connection may lead to the server that replaced this one.
      link.drop(error);
      throw unavailable(this.name, 'go on', error);
    }
    const left = this.#refusesUntil - this.#context.clock.monotonic();
    if (left > 0) throw this.#refusal(left);
  }

  #refusal(left: number): BackendUnavailableError {
    return new BackendUnavailableError(
      `${this.name} was a standby until lately, and may not know of leases that the server before it granted last: it grants nothing for ${Math.ceil(left)} ms more, which is the longest ttl`,
      { refused: true, endsIn: left },
    );
  }

  /** @throws when a standby was promoted, and this is the server that it replaced */
  #note({ rows }: PgResult, link: Link): void {
    const { timeline: told, refuses } = rows[0] ?? {};
    const [known, timeline] = [this.#timeline, typeof told === 'string' && told !== '' ? told : null];
    if (known !== null && timeline !== null && timeline < known) throw replaced();
    this.#timeline = timeline;
    // The other connection may lead to the old server, which would renew leases that the new one does not know.
    if (known !== null && timeline !== null && timeline > known)
      (link === this.#work ? this.#upkeep : this.#work).drop(replaced());
    const now = this.#context.clock.monotonic();
    const isNews = this.#refusesUntil <= now && Number(refuses) > 0;
    this.#refusesUntil = Math.max(this.#refusesUntil, now + Number(refuses));
    // Warn once, though both connections report it.
    if (isNews) this.#context.warn(this.#refusal(Number(refuses)).message);
  }

  async #open(client: PgClient, link: Link): Promise<boolean> {
    const { pooled } = await openSession(client, this.#settings);
    this.#note(await openServer(client, this.schema, this.#longestTtl), link);
    return pooled;
  }

  async #openUpkeep(client: PgClient): Promise<void> {
    const pooled = await this.#open(client, this.#upkeep);
    const { listen } = this.#settings;
    this.#listening = listen ?? !pooled;
    if (this.#listening) await ask(client, `LISTEN "${this.channel}"`);
    else if (listen === undefined && !this.#warned) {
      this.#warned = true;
      this.#context.warn(
        `${this.name} is reached through a pooler, which may lose notifications: waiters look for their lock every 50 to 100 ms. Set postgres.listen (COORDINATION_POSTGRES_LISTEN) to true if it pools sessions, to the URL of the server itself, or to false for no such line`,
      );
    }
  }

  #look(): void {
    if (this.#state !== 'up' && this.#state !== 'down') return;
    const [one, other] = this.#work.up ? [this.#work, this.#upkeep] : [this.#upkeep, this.#work];
    const state = one.up ? 'up' : 'down';
    // The cause that ended one connection may have ended the other one unnoticed: send a statement over it.
    if (one.up && !other.up) one.query('look', 'SELECT 1').catch(() => undefined);
    if (state !== this.#state) {
      this.#state = state;
      const cause = state === 'down' ? { cause: unavailable(this.name, 'go on', other.cause) } : {};
      this.#context.onBackendChange({ state, ...cause });
    }
    this.#listener.onMissed();
  }
}

function replaced(): Error {
  return Object.assign(new Error('the server was replaced by another one'), { code: '25006' });
}
