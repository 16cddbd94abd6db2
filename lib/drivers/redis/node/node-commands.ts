import type { Clock } from '../../../common/clock.js';
import { type Connection, type RedisClient, writeTogether } from '../connection/index.js';
import { cleanError, NodeError } from '../errors/index.js';
import { BY_NAME, runScript, type Script, ScriptKeys, sendingAfter } from '../scripts/index.js';
import { Exchange, Rank } from './exchange.js';
import { PendingCommands } from './pending-commands.js';

export type Command = (client: RedisClient) => Promise<unknown>;

/** Gets the reply, and when the command was sent, on the monotonic clock, ms. */
export type OnReply = (reply: unknown, sentAt: number) => void;

export interface NodeCommandsSettings {
  readonly clock: Clock;
  /** How long a command may take before the connection counts as broken, ms. */
  readonly commandTimeout: number;
  readonly secrets: readonly string[];
  readonly connection: Connection;
  /** Sends a command on to the server of the Cluster that has its key now; returns the error where it was not sent on. */
  readonly redirect: ((exchange: Exchange, error: NodeError) => NodeError | undefined) | undefined;
  /** Called for each command that failed over the client that is still in use. */
  readonly onFailure: (error: NodeError) => void;
}

/**
 * The commands to one server. They go out over its client while there is one, and fail at once while there is none. So a dead
 * server costs one time-out when it fails, and nothing after that.
 */
export class NodeCommands {
  readonly #settings: NodeCommandsSettings;
  readonly #pending: PendingCommands;
  #client: RedisClient | undefined;
  #closedReason = new NodeError('is not connected yet', { sent: false });

  constructor(settings: NodeCommandsSettings) {
    this.#settings = settings;
    const { clock, commandTimeout, connection } = settings;
    this.#pending = new PendingCommands({
      clock,
      timeout: commandTimeout,
      send: (exchange) => this.#send(exchange),
      together: (sendAll) => {
        const client = this.#readyClient();
        if (client) writeTogether(client, sendAll);
      },
      onTimeout: () =>
        connection.fail(new NodeError(`no answer within ${commandTimeout} ms`, { code: 'ETIMEDOUT' })),
    });
  }

  /** The client in use; undefined while the server cannot be reached. */
  get client(): RedisClient | undefined {
    return this.#client;
  }

  /** The error of commands while there is no client. */
  get closedReason(): NodeError {
    return this.#closedReason;
  }

  /** From now on commands go out over this client. */
  open(client: RedisClient): void {
    this.#client = client;
  }

  /**
   * From now on commands fail at once.
   * @param reason for these commands, and for those that wait to be sent
   * @param lost for the commands that were sent and not answered
   */
  close(reason: NodeError, lost: NodeError): void {
    this.#client = undefined;
    this.#closedReason = reason;
    this.#pending.rejectAll(lost, reason);
  }

  /** Sets a newer reason for the commands that fail at once. */
  explainClosed(reason: NodeError): void {
    this.#closedReason = reason;
  }

  /** Fast path: every acquisition and release passes here once per node. */
  exchange(exchange: Exchange): void {
    if (this.#readyClient()) this.#pending.submit(exchange);
    else exchange.onError(this.#closedReason);
  }

  /** Sends one command. */
  call(command: Command, onReply: OnReply, onError: (error: NodeError) => void, rank: Rank): void {
    this.exchange(new Call(command, onReply, onError, rank));
  }

  /** Runs a script by its name, or in another way where the server cannot run it so. */
  run(
    script: Script,
    keys: ScriptKeys,
    args: readonly string[],
    onReply: OnReply,
    onError: (error: NodeError) => void,
    rank: Rank,
    how = BY_NAME,
  ): void {
    const otherwise = (error: NodeError): void => {
      const next = sendingAfter(how, error);
      if (next) this.run(script, keys, args, onReply, onError, rank, next);
      else onError(error);
    };
    this.call((client) => runScript(client, script, keys, args, how), onReply, otherwise, rank);
  }

  #readyClient(): RedisClient | undefined {
    const client = this.#client;
    if (client?.status === 'ready') return client;
    if (client) this.#settings.connection.fail(new NodeError('the connection was lost'));
    return undefined;
  }

  #send(exchange: Exchange): void {
    const over = this.#client;
    const failed = (thrown: unknown): void => {
      const { secrets, redirect, onFailure } = this.#settings;
      const error = cleanError(thrown, secrets);
      const wanted = this.#pending.settle(exchange);
      const failure = redirect && wanted ? redirect(exchange, error) : error;
      if (!failure) return;
      if (wanted) exchange.onError(failure);
      if (this.#client === over) onFailure(failure);
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
        // An unreadable reply throws before the caller has acted on it.
        if (!(error instanceof NodeError)) throw error;
        exchange.onError(error);
        if (this.#client === over) this.#settings.onFailure(error);
      }
    }, failed);
  }
}

class Call extends Exchange {
  constructor(
    readonly send: Command,
    private readonly replied: OnReply,
    readonly onError: (error: NodeError) => void,
    readonly rank: Rank,
  ) {
    super();
  }

  onReply(reply: unknown): void {
    this.replied(reply, this.sentAt);
  }
}
