import type { Connection, ConnectionOwner, RedisClient, ServerPlan } from '../connection/index.js';
import { cleanError, explain, NodeError } from '../errors/index.js';
import { textOf } from '../scripts/index.js';
import { NodeCommands } from './node-commands.js';
import type { RunScript } from './node-epoch.js';
import { NodeRefusal } from './node-refusal.js';
import type { NodeTrust, NodeTrustSettings } from './node-trust.js';
import type { OrphanedKeys } from './orphaned-keys.js';
import { type Exchange, Rank } from './exchange.js';
import { ServerChecks, type ServerChecksSettings } from './server-checks.js';

export interface NodeLifecycleSettings extends NodeTrustSettings, ServerChecksSettings {
  readonly random: () => number;
  /** Whether the log names the node when it goes down and comes back. */
  readonly tellsHealth: boolean;
  /** Only for a server of a Cluster. */
  readonly cluster?: ClusterTies;
}

/** What a server of a Cluster asks of its Cluster. */
export interface ClusterTies {
  /** Sends a command on to the server that has its key now; returns the error where it was not sent on. */
  readonly redirect: (exchange: Exchange, error: NodeError) => NodeError | undefined;
  /** This server cannot be used: another server may have its slots. */
  readonly onAway: () => void;
}

/** The owner of a node, which learns of each change. */
export interface NodeLifecycleOwner {
  /** The name of another node of ours on the server with this run id, if there is one. One server must not have two votes. */
  readonly twinOf: (runId: string) => string | undefined;
  /** Called after each change of `up`. */
  readonly onChange: () => void;
}

/**
 * The life of a node, from its first connection to its stop.
 *
 *     down ──verify, onUp──▶ up ◀──refuses for a while (NodeRefusal)──▶ up for renewals and releases alone
 *      ▲                      │
 *      └───────onDown─────────┘
 */
export class NodeLifecycle implements ConnectionOwner {
  readonly commands: NodeCommands;
  readonly #connection: Connection;
  readonly #checks: ServerChecks;
  readonly #refusal: NodeRefusal;
  /** The node was up once. From then on it keeps its connection while it refuses for a while. */
  #proven = false;
  #saidDown = false;
  #stopped = false;

  constructor(
    plan: ServerPlan,
    private readonly settings: NodeLifecycleSettings,
    private readonly owner: NodeLifecycleOwner,
    private readonly trust: NodeTrust,
    private readonly orphanedKeys: OrphanedKeys,
  ) {
    this.#connection = plan.connect(this);
    this.commands = new NodeCommands({
      clock: settings.clock,
      commandTimeout: settings.commandTimeout,
      secrets: settings.secrets,
      connection: this.#connection,
      redirect: settings.cluster?.redirect,
      onFailure: (error) => this.doubt(error),
    });
    this.#checks = new ServerChecks(settings, owner.twinOf);
    this.#refusal = new NodeRefusal(
      settings,
      (client) => this.#examineAgain(client),
      () => this.#tellHealth(),
    );
  }

  /** Whether the node may grant locks. A node that refuses for a while grants none, but still renews and frees them where it can. */
  get up(): boolean {
    return this.commands.client !== undefined && this.#refusal.reason?.consequence !== 'wait';
  }

  /** Whether the node grants new locks, as far as is known. */
  get well(): boolean {
    return this.commands.client !== undefined && this.#refusal.reason === undefined;
  }

  /** Why the node is down, for people. */
  get reason(): string {
    return explain(this.#refusal.reason ?? this.commands.closedReason);
  }

  /** Why the node must not be asked for any lock now, although it is connected. */
  get waitReason(): NodeError | undefined {
    const { reason } = this.#refusal;
    return reason?.consequence === 'wait' ? reason : undefined;
  }

  /** The run id of the server that we are connected to, or are about to be; '' when there is none. */
  get runId(): string {
    return this.#checks.runId;
  }

  async start(): Promise<void> {
    try {
      await this.#connection.start();
    } catch (error) {
      this.commands.explainClosed(cleanError(error).asReason(false));
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.retire(new NodeError('the coordinator has been stopped'));
    await this.#connection.stop();
  }

  /**
   * Ends all commands, for good.
   * @returns the keys that the server may still hold for us; this node does not free them any more
   */
  retire(reason: NodeError): ReturnType<OrphanedKeys['takeAll']> {
    this.#stopped = true;
    this.#refusal.end();
    // Close first: the commands that are under way may leave keys too.
    this.commands.close(reason.asReason(false), reason.asReason(true));
    const owed = this.orphanedKeys.takeAll();
    this.orphanedKeys.close();
    return owed;
  }

  async verify(client: RedisClient): Promise<void> {
    this.#refusal.end();
    // Forget first: if the checks fail, the record is not read, and this may be a restarted server or another one.
    this.trust.forget();
    try {
      const run: RunScript = (how, script, keys, args) => client[how](script, keys.length, ...keys, ...args);
      await this.#examine(client).catch((error: unknown) => this.trust.lookAtList(run, error));
      await this.trust.readRecord(run);
    } catch (thrown) {
      const error = cleanError(thrown, this.settings.secrets);
      // `tell`: leases on the node may still be renewed and freed. The next acquisition that it refuses finds out whether it is well.
      if (error.consequence !== 'tell') {
        // A client of the application outlives a stop. Nothing would end the examinations after that.
        if (this.#stopped || !this.#proven || error.consequence !== 'wait') throw error;
        this.onRefused(error);
        this.#refusal.begin(client, error);
      }
    }
  }

  onUp(client: RedisClient): void {
    this.commands.open(client);
    this.#proven = true;
    // Settle before any caller asks for a lock that we may still have there.
    this.orphanedKeys.settle();
    this.#tellHealth();
  }

  onDown(error: NodeError): void {
    this.#checks.leave();
    this.#refusal.end();
    this.orphanedKeys.rest();
    this.commands.close(error.asReason(false), error.asReason(true));
    this.#tellHealth();
  }

  /** The node answers again, but still cannot be used. */
  onRefused(error: NodeError): void {
    const was = this.reason;
    this.commands.explainClosed(error.asReason(false));
    this.settings.cluster?.onAway();
    if (this.#stopped || !error.answered || this.reason === was) return;
    this.settings.warn(`Redis node ${this.settings.name} answers, and still cannot be used: ${this.reason}`);
  }

  /** Redis has refused something. That may concern only this command, or the whole node. */
  doubt(error: NodeError): void {
    const { client } = this.commands;
    // A slot that has moved says nothing about the server.
    if (!client || (this.#sharded && error.kind === 'cluster-part')) return;
    if (error.consequence === 'reconnect') this.#connection.fail(error);
    else if (error.consequence !== 'refuse') this.#refusal.suspect(client);
  }

  /** Checks again what INFO reports about the server's memory. */
  checkMemory(): void {
    this.commands.call(
      (client) => client.info('memory'),
      (reply) => this.#checks.checkMemory(textOf(reply)),
      // No report needed: if something is wrong with the node, it goes down and that is reported.
      () => undefined,
      Rank.upkeep,
    );
  }

  get #sharded(): boolean {
    return this.settings.topology === 'shard';
  }

  /** Checks that the server can do all that this driver may ask of it. */
  async #examine(client: RedisClient): Promise<void> {
    this.trust.meet(await this.#checks.checkInfo(client));
    await this.#checks.checkScripts(client);
  }

  async #examineAgain(client: RedisClient): Promise<void> {
    try {
      await this.#examine(client);
      // The server may have refused to free some keys.
      if (this.commands.client === client) this.orphanedKeys.settle();
    } catch (thrown) {
      const error = cleanError(thrown, this.settings.secrets);
      if (this.commands.client === client && error.consequence === 'reconnect') this.#connection.fail(error);
      throw error;
    }
  }

  #tellHealth(): void {
    if (this.#stopped) return;
    if (!this.well) this.sayDown();
    else if (this.#saidDown) {
      this.#saidDown = false;
      this.settings.warn(`Redis node ${this.settings.name} can be used again`);
    }
    this.owner.onChange();
    this.settings.cluster?.onAway();
  }

  /** Writes one line for the operator per change, not per command. */
  sayDown(): void {
    if (this.#stopped || this.#saidDown || this.well || !this.settings.tellsHealth) return;
    this.#saidDown = true;
    const { name, warn } = this.settings;
    const rest = this.#sharded
      ? 'the locks of its slots are refused until it or another server has them again, all others go on'
      : this.commands.client
        ? 'it is asked for no new lock until it can be used again'
        : 'it gets no commands until it answers again';
    warn(`Redis node ${name} is down: ${this.reason}; ${rest}`);
  }
}
