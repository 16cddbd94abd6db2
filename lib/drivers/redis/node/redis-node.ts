import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../common/clock.js';
import { Memo } from '../../../common/memo.js';
import {
  type Connection,
  type ConnectionOwner,
  type RedisClient,
  type ServerPlan,
  writeTogether,
} from '../connection/index.js';
import { OrphanedKeys, MOST_ORPHANED_KEYS } from './orphaned-keys.js';
import { cleanError, explain, NodeError } from '../errors/index.js';
import { NodeRefusal } from './node-refusal.js';
import {
  BY_NAME,
  LEAVE,
  LockKeys,
  MOST_KEPT,
  oneOf,
  QUEUE_TTL,
  queueOf,
  RELEASE,
  runScript,
  type Script,
  ScriptKeys,
  sendingAfter,
  shardedTurnChannel,
  textOf,
  TURN_CHANNEL,
} from '../scripts/index.js';
import { NodeClock } from './node-clock.js';
import { NodeEpoch, OtherListError, type RunScript } from './node-epoch.js';
import { Exchange, PendingCommands, Rank } from './pending-commands.js';
import { preflight } from './script-preflight.js';
import { checkServer, evictionOf, parseInfo, type ServerInfo } from './start-checks.js';

/** No node has this for a record. */
const UNKNOWN_MARK = '?';

export type Command = (client: RedisClient) => Promise<unknown>;

export interface RedisNodeSettings {
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long a command may take before the node counts as down, ms. */
  readonly commandTimeout: number;
  readonly secrets: readonly string[];
  /** One server, several behind Sentinel, of which one is the master, or a server of a Cluster. */
  readonly topology: ServerPlan['topology'];
  /** The coordinator's lease time, ms. */
  readonly ttl: number;
  /** The longest lease that may be asked for, ms. */
  readonly longestTtl: () => number;
  /** What is sat out whatever the node has been told, ms. */
  readonly ownTtl: number;
  /** Stands for the list of all nodes. */
  readonly list: string;
  /** With what the keys of our locks begin; '' when nobody knows. */
  readonly scope: string;
  /** Whether what the node may have forgotten is sat out. */
  readonly quarantine: boolean;
  /** Declared to keep every write over a restart. */
  readonly persistent: boolean;
  /** Whether another node of ours is this very server, which must not have two votes; its name if so. */
  readonly twinOf: (node: RedisNode, runId: string) => string | undefined;
  /** A key that nobody uses, for trying the scripts out; given a random text. None where no lock's key gets to this server. */
  readonly preflightKey: (random: string) => string | undefined;
  readonly warn: (message: string) => void;
  /** Whether the log names the node when it goes down and comes back. */
  readonly tellsHealth: boolean;
  /** Told after each change of `up`. */
  readonly onChange: (node: RedisNode) => void;
  /** Of a server of a Cluster. */
  readonly cluster?: ClusterTies;
}

/** What a server of a Cluster does not know by itself. */
export interface ClusterTies {
  /** Sends a command on to the server that has its key by now; returns why that was not done. */
  readonly redirect: (exchange: Exchange, error: NodeError) => NodeError | undefined;
  /** It cannot be used: another one may have its slots. */
  readonly onAway: () => void;
}

/**
 * One node that has a vote: sends commands with a time-out, and refuses them at once while the node is down, so
 * that a dead node costs one time-out when it fails and nothing after.
 */
export class RedisNode implements ConnectionOwner {
  readonly name: string;
  readonly #settings: RedisNodeSettings;
  readonly lockKeys = new Memo((key) => new LockKeys(key, this.recordKey(key)), MOST_KEPT);
  readonly #connection: Connection;
  readonly #pending: PendingCommands;
  #clock: NodeClock;
  /** A failover of Sentinel or Cluster can lose leases anyway, and a Cluster has no node that all locks share. */
  readonly record: NodeEpoch | undefined;
  /** Of the server that we are connected to, or are about to be. */
  runId = '';
  /** Of the server whose clock we know. */
  #clockOf = '';
  #syncing: Promise<void> | undefined;
  /** The longest lease that it tells of, ms. */
  #syncingFor = 0;
  /** Until then its clock counts as wrong, on our monotonic clock, ms. */
  #distrustedUntil = -Infinity;
  readonly #orphanedKeys: OrphanedKeys;
  readonly #nodeRefusal: NodeRefusal;
  #client: RedisClient | undefined;
  /** It was up once: from then on a node that refuses for a while keeps its connection. */
  #proven = false;
  #downReason = new NodeError('is not connected yet', { sent: false });
  #saidDown = false;
  /** Why it may throw locks away, when that was told. */
  #eviction: string | undefined;
  #stopped = false;
  /** Whether the node may be told that it belongs to our list: no other node has objected. */
  #syncs = false;
  /** What it said when it belonged to another list, until it belongs to ours. */
  otherList: OtherListError | undefined;

  constructor(
    readonly plan: ServerPlan,
    settings: RedisNodeSettings,
  ) {
    this.name = settings.name;
    this.#settings = settings;
    this.#connection = plan.connect(this);
    this.#clock = new NodeClock(settings.clock, settings.ttl);
    this.#orphanedKeys = new OrphanedKeys({
      clock: settings.clock,
      commandTimeout: settings.commandTimeout,
      free: (key, id, onDone) => this.#free(key, id, onDone),
      onTooMany: () =>
        settings.warn(
          `Redis node ${settings.name}: more than ${MOST_ORPHANED_KEYS} locks could not be given back to it; the oldest are not tried again, and end by their ttl`,
        ),
    });
    this.#nodeRefusal = new NodeRefusal(
      settings,
      (client) => this.#examineAgain(client),
      () => this.#tellHealth(),
    );
    if (settings.topology === 'single') this.record = this.#newRecord();
    this.#pending = new PendingCommands({
      clock: settings.clock,
      timeout: settings.commandTimeout,
      send: (exchange) => this.#send(exchange),
      together: (sendAll) => {
        const client = this.#readyClient();
        if (client) writeTogether(client, sendAll);
      },
      onTimeout: () =>
        this.#connection.fail(
          new NodeError(`no answer within ${settings.commandTimeout} ms`, { code: 'ETIMEDOUT' }),
        ),
    });
  }

  /** Whether it may grant locks. One that refuses for a while does not, and still renews and frees them where it can. */
  get up(): boolean {
    return this.#client !== undefined && this.#nodeRefusal.reason?.consequence !== 'wait';
  }

  /** Whether it grants new locks, as far as anybody knows. */
  get well(): boolean {
    return this.#client !== undefined && this.#nodeRefusal.reason === undefined;
  }

  /** Whether it has some of the slots of a Cluster: what one script touches has to be in one of them. */
  get sharded(): boolean {
    return this.#settings.topology === 'shard';
  }

  /** What its keys are on. */
  get servers(): readonly RedisNode[] {
    return [this];
  }

  /** The server that has this key. */
  at(_key: string): this {
    return this;
  }

  /** Why the node is down, for people. */
  get reason(): string {
    return explain(this.#nodeRefusal.reason ?? this.#downReason);
  }

  async start(): Promise<void> {
    try {
      await this.#connection.start();
    } catch (error) {
      this.#downReason = cleanError(error).asReason(false);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#client = undefined;
    this.#downReason = new NodeError('the coordinator has been stopped', { sent: false });
    this.#orphanedKeys.close();
    this.#nodeRefusal.end();
    this.#pending.rejectAll(this.#downReason, this.#downReason);
    await this.#connection.stop();
  }

  /** Sends one command; rejects with a `NodeError`, at once when the node is down. */
  send(command: Command): Promise<unknown> {
    return new Promise((resolve, reject) => this.call(command, resolve, reject));
  }

  /**
   * As `send`, without a promise of its own.
   * @param onReply gets the reply, and when the command was sent, on the monotonic clock, ms
   * @param rank that of what comes seldom, and must not wait behind a crowd: one such command renews many leases
   */
  call(
    command: Command,
    onReply: (reply: unknown, sentAt: number) => void,
    onError: (error: NodeError) => void,
    rank: Rank = Rank.upkeep,
  ): void {
    this.exchange(new Call(command, onReply, onError, rank));
  }

  /** Every acquisition and release passes here once per node. */
  exchange(exchange: Exchange): void {
    if (this.#readyClient()) this.#pending.submit(exchange);
    else exchange.onError(this.#downReason);
  }

  #readyClient(): RedisClient | undefined {
    const client = this.#client;
    if (client?.status === 'ready') return client;
    if (client) this.#connection.fail(new NodeError('the connection was lost'));
    return undefined;
  }

  #send(exchange: Exchange): void {
    const over = this.#client;
    const failed = (thrown: unknown): void => {
      const error = cleanError(thrown, this.#settings.secrets);
      const wanted = this.#pending.settle(exchange);
      const { cluster } = this.#settings;
      const refusal = cluster && wanted ? cluster.redirect(exchange, error) : error;
      if (!refusal) return;
      if (wanted) exchange.onError(refusal);
      if (this.#client === over) this.doubt(refusal);
    };
    let reply: Promise<unknown>;
    try {
      reply = exchange.send(this.#client as RedisClient);
    } catch (error) {
      failed(error);
      return;
    }
    reply.then((value) => {
      if (!this.#pending.settle(exchange)) return;
      try {
        exchange.onReply(value);
      } catch (error) {
        // It is read before anything is made of it.
        if (!(error instanceof NodeError)) throw error;
        exchange.onError(error);
        if (this.#client === over) this.doubt(error);
      }
    }, failed);
  }

  /** Runs a script by its name, and otherwise where the node cannot run it so. */
  run(
    script: Script,
    keys: ScriptKeys,
    args: readonly string[],
    onReply: (reply: unknown, sentAt: number) => void,
    onError: (error: NodeError) => void,
    rank?: Rank,
    how = BY_NAME,
  ): void {
    const otherwise = (error: NodeError): void => {
      const next = sendingAfter(how, error);
      if (next) this.run(script, keys, args, onReply, onError, rank, next);
      else onError(error);
    };
    this.call((client) => runScript(client, script, keys, args, how), onReply, otherwise, rank);
  }

  /** As {@link run}, for what is not on the way of every lock. */
  evaluate(script: Script, keys: readonly string[], args: readonly string[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.run(script, new ScriptKeys(keys), args, resolve, reject);
    });
  }

  /** Redis has refused something: that may be a matter of this one command, or of the whole node. */
  doubt(error: NodeError): void {
    const client = this.#client;
    // A slot that is elsewhere says nothing of the server.
    if (!client || (this.sharded && error.kind === 'cluster-part')) return;
    if (error.consequence === 'reconnect') this.#connection.fail(error);
    else if (error.consequence !== 'refuse') this.#nodeRefusal.suspect(client);
  }

  /** Why this node must not be asked for a lock now, or that its record has to be read first. */
  admissionFor(ttl: number): NodeError | 'sync' | undefined {
    const { admission, record } = this;
    if (admission !== undefined || !record) return admission;
    const wait = record.waitFor(ttl);
    if (wait === 0) return undefined;
    return new NodeError(
      `grants no lease of ${ttl} ms for another ${Math.ceil(wait)} ms: it has lost its keys or is new, and one as long from before may still be held; a lock with a shorter ttl gets one earlier`,
      { sent: false, endsIn: wait },
    );
  }

  /** The same for a lease of any length. */
  get admission(): NodeError | 'sync' | undefined {
    if (this.#nodeRefusal.reason?.consequence === 'wait') return this.#nodeRefusal.reason;
    const distrusted = this.#distrusted;
    if (distrusted > 0) {
      return new NodeError('its clock has jumped ahead, and leases of others may have ended there early', {
        sent: false,
        endsIn: distrusted,
      });
    }
    const { record } = this;
    if (!record || record.text !== undefined) return undefined;
    if (record.wait === 0) return 'sync';
    return new NodeError(
      `grants nothing for another ${Math.ceil(record.wait)} ms: it has lost its keys or is new, and leases from before may still be held`,
      { sent: false, endsIn: record.wait },
    );
  }

  /** For how long its clock still counts as wrong, ms; none of that is asked for where it never did. */
  get #distrusted(): number {
    const until = this.#distrustedUntil;
    return until === -Infinity ? 0 : until - this.#settings.clock.monotonic();
  }

  /** What a script that grants the lock must find in the node's record; '' where there is none. */
  get epoch(): string {
    return this.record ? (this.record.text ?? UNKNOWN_MARK) : '';
  }

  /** Where the record is; where there is none, a key in the slot of the lock's. */
  recordKey(key: string): string {
    return this.record?.key ?? key;
  }

  /** Where those who wait for a lock are told of their turn; followed by the process. */
  turnChannel(key: string): string {
    return this.sharded ? shardedTurnChannel(key) : TURN_CHANNEL;
  }

  /**
   * The last moment at which the node may do what is sent now, ms of its time; '' when nobody knows.
   * @param now on the monotonic clock, ms
   * @param most how long it may take at most, ms
   */
  notAfter(now: number, most = Infinity): number | '' {
    // A command may be sent on to another server of a Cluster, which has a clock of its own.
    if (this.sharded) return '';
    const earliest = this.#clock.earliest(now);
    return earliest === undefined ? '' : Math.floor(earliest + Math.min(most, this.#settings.commandTimeout));
  }

  /**
   * Takes the node's time from a reply, or from a message, which does not tell when it was sent: `keep` is then false.
   * @returns why the vote in this reply does not count: the node's clock has jumped since the last one
   */
  observe(micros: number, sentAt: number, keep = true): NodeError | undefined {
    const { clock, warn, name } = this.#settings;
    if (this.sharded) return undefined;
    const jump = this.#clock.observe(micros, sentAt, keep);
    if (jump === 0) return undefined;
    const said = `its clock jumped ${jump > 0 ? 'ahead' : 'back'} by ${Math.round(Math.abs(jump))} ms`;
    const longest = Math.max(this.#settings.longestTtl(), this.record?.longest ?? 0);
    if (jump > 0) this.#distrustedUntil = clock.monotonic() + longest;
    warn(
      `Redis node ${name}: ${said}${jump > 0 ? `; it takes part in no new lock for ${longest} ms` : ''}; keep the clocks of Redis from being stepped`,
    );
    // Done, but not counted: whoever gives it up has to free it.
    return new NodeError(`${said}, so its vote does not count`);
  }

  /** Reads the node's record again; one at a time. */
  sync(onDone: () => void, onError: (error: NodeError) => void): void {
    const run = (): Promise<void> =>
      this.#sync((how, script, keys, args) =>
        this.send((client) => client[how](script, keys.length, ...keys, ...args)),
      );
    const longest = this.#settings.longestTtl();
    // One that is under way may not have told of the longest lease.
    if (!this.#syncing || this.#syncingFor < longest) {
      this.#syncingFor = longest;
      const before = this.#syncing?.catch(() => undefined) ?? Promise.resolve();
      const mine: Promise<void> = before.then(run).finally(() => {
        if (this.#syncing === mine) this.#syncing = undefined;
      });
      this.#syncing = mine;
    }
    this.#syncing.then(onDone, (error: unknown) => onError(cleanError(error, this.#settings.secrets)));
  }

  /** From now on the node is told that it belongs to our list; at once, where it can be reached. */
  beginToSync(): Promise<void> {
    this.#syncs = true;
    // What is wrong with it is told to whoever wants a lock of it.
    return new Promise((resolve) => this.sync(resolve, () => resolve()));
  }

  /** Looks whether it has been told to evict keys since it was connected. Nothing is lost before its memory is full, so it is used on. */
  lookAtMemory(): void {
    this.call(
      (client) => client.info('memory'),
      (reply) => {
        const eviction = evictionOf(parseInfo(textOf(reply)));
        if (eviction !== undefined && eviction !== this.#eviction)
          this.#settings.warn(`Redis node ${this.name} ${eviction}; the next connection to it is refused`);
        this.#eviction = eviction;
      },
      // What is wrong with it is told otherwise.
      () => undefined,
    );
  }

  /** The node may hold this lease although we gave it up: free it as soon as the node can be reached. */
  releaseLater(key: string, id: string): void {
    this.#orphanedKeys.add(key, id, Math.max(QUEUE_TTL, this.#settings.longestTtl()));
  }

  /** What it owes, before it is stopped: somebody else has to pay that from now on. */
  takeDebts(): { readonly key: string; readonly id: string }[] {
    return this.#orphanedKeys.takeAll();
  }

  async verify(client: RedisClient): Promise<void> {
    this.#nodeRefusal.end();
    try {
      const run: RunScript = (how, script, keys, args) => client[how](script, keys.length, ...keys, ...args);
      await this.#examine(client).catch((error: unknown) => this.#lookAtList(run, error));
      this.record?.forget();
      await this.#sync(run);
    } catch (thrown) {
      const error = cleanError(thrown, this.#settings.secrets);
      // What it holds for us may still be renewed and freed. The next one who is refused a new lock finds out whether it is well.
      if (error.consequence !== 'tell') {
        // After a stop, which a client of the application outlives, nobody would end the examinations.
        if (this.#stopped || !this.#proven || error.consequence !== 'wait') throw error;
        this.onRefused(error);
        this.#nodeRefusal.begin(client, error);
      }
    }
  }

  #free(key: string, id: string, onDone: (error?: NodeError) => void): void {
    const { plain } = new LockKeys(key, this.recordKey(key));
    // The next waiter is granted the lock when somebody looks, which knows the record of the node.
    this.run(
      RELEASE,
      plain,
      [id, UNKNOWN_MARK],
      (reply) => {
        if (oneOf(reply, 0, 1, -1) !== -1) return onDone();
        // Done for the key alone, while its slot moves.
        this.run(LEAVE, new ScriptKeys([queueOf(key)]), [id], () => onDone(), onDone, Rank.release);
      },
      onDone,
      Rank.release,
    );
  }

  /** Whether it can do all that may be asked of it. */
  async #examine(client: RedisClient): Promise<void> {
    this.#check(textOf(await client.info()));
    const key = this.#settings.preflightKey(randomUUID());
    if (key !== undefined) await preflight(client, key);
  }

  async #examineAgain(client: RedisClient): Promise<void> {
    try {
      await this.#examine(client);
      // It may have refused to free something.
      if (this.#client === client) this.#orphanedKeys.settle();
    } catch (thrown) {
      const error = cleanError(thrown, this.#settings.secrets);
      if (this.#client === client && error.consequence === 'reconnect') this.#connection.fail(error);
      throw error;
    }
  }

  /** It answers again, but not so that it could be used. */
  onRefused(error: NodeError): void {
    const was = this.reason;
    this.#downReason = error.asReason(false);
    this.#settings.cluster?.onAway();
    if (this.#stopped || !error.answered || this.reason === was) return;
    this.#settings.warn(`Redis node ${this.name} answers, and still cannot be used: ${this.reason}`);
  }

  onUp(client: RedisClient): void {
    this.#client = client;
    this.#proven = true;
    // Before anybody asks for a lock that we may still have there.
    this.#orphanedKeys.settle();
    this.#tellHealth();
  }

  onDown(error: NodeError): void {
    this.#client = undefined;
    this.runId = '';
    this.#nodeRefusal.end();
    this.#orphanedKeys.rest();
    this.#downReason = error.asReason(false);
    this.#pending.rejectAll(error.asReason(true), this.#downReason);
    this.#tellHealth();
  }

  #tellHealth(): void {
    if (this.#stopped) return;
    if (!this.well) this.sayDown();
    else if (this.#saidDown) {
      this.#saidDown = false;
      this.#settings.warn(`Redis node ${this.name} can be used again`);
    }
    this.#settings.onChange(this);
    this.#settings.cluster?.onAway();
  }

  #check(text: string): void {
    const info = parseInfo(text);
    checkServer(info, this.sharded);
    this.#checkPersistence(info);
    const runId = info.get('run_id') ?? '';
    // Another server has another clock: after a failover, or a restart on another machine.
    if (runId !== this.#clockOf) this.#clock = new NodeClock(this.#settings.clock, this.#settings.ttl);
    this.#clockOf = runId;
    this.runId = '';
    const twin = runId === '' ? undefined : this.#settings.twinOf(this, runId);
    this.runId = twin === undefined ? runId : '';
    if (twin === undefined) return;
    throw new NodeError(`is the same server as ${twin}: every node needs a server of its own`, {
      answered: true,
    });
  }

  /** A promise of the operator's that can be seen to be wrong; a test that flushes may mean it so. */
  #checkPersistence(info: ServerInfo): void {
    const { persistent, warn, name } = this.#settings;
    if (!persistent || info.get('aof_enabled') !== '0' || info.get('run_id') === this.#clockOf) return;
    warn(
      `Redis node ${name} is declared to keep every write over a restart (redis.persistent), and does not: appendonly is no; two holders of a lock are possible after a restart`,
    );
  }

  async #sync(run: RunScript): Promise<void> {
    const { record } = this;
    if (!record) return;
    const { clock, warn, name } = this.#settings;
    const sentAt = clock.monotonic();
    try {
      if (this.#syncs) this.observe(await record.sync(run), sentAt);
      else await record.look(run);
      this.otherList = undefined;
    } catch (error) {
      if (!(error instanceof OtherListError)) throw error;
      if (this.#syncs && !this.otherList)
        warn(`Redis node ${name} ${error.message}; no lock is taken, and no lease renewed, until then`);
      this.otherList = error;
      throw error;
    }
  }

  /**
   * A node that cannot be used may still belong to another list, whose replicas can use it: its word is asked for whatever else it refuses.
   * @throws OtherListError if so, and otherwise why it cannot be used
   */
  async #lookAtList(run: RunScript, reason: unknown): Promise<never> {
    if (cleanError(reason).answered)
      await this.record?.look(run).catch((error: unknown) => {
        if (!(error instanceof OtherListError)) return;
        this.otherList = error;
        throw error;
      });
    throw reason;
  }

  #newRecord(): NodeEpoch {
    const { warn, name } = this.#settings;
    const onWait = (ms: number, longest: number): void =>
      warn(
        `Redis node ${name} has lost its keys or is new: it grants no lock for ${Math.ceil(ms)} ms, because leases of up to ${longest} ms from before may still be held (for tests and development alone, redis: { quarantine: false } grants at once)`,
      );
    return new NodeEpoch({ ...this.#settings, onWait });
  }

  /** One line for the operator per change, not per command. */
  sayDown(): void {
    if (this.#stopped || this.#saidDown || this.well || !this.#settings.tellsHealth) return;
    this.#saidDown = true;
    const { name, warn } = this.#settings;
    const rest = this.sharded
      ? 'the locks of its slots are refused until it or another server has them again, all others go on'
      : this.#client
        ? 'it is asked for no new lock until it can be used again'
        : 'it gets no commands until it answers again';
    warn(`Redis node ${name} is down: ${this.reason}; ${rest}`);
  }
}

class Call extends Exchange {
  constructor(
    readonly send: Command,
    private readonly replied: (reply: unknown, sentAt: number) => void,
    readonly onError: (error: NodeError) => void,
    readonly rank: Rank,
  ) {
    super();
  }

  onReply(reply: unknown): void {
    this.replied(reply, this.sentAt);
  }
}
