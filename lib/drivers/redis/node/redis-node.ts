import { Memo } from '../../../common/memo.js';
import type { ServerPlan } from '../connection/index.js';
import { NodeError } from '../errors/index.js';
import {
  LockKeys,
  MOST_KEPT,
  QUEUE_TTL,
  type Script,
  ScriptKeys,
  shardedTurnChannel,
  TURN_CHANNEL,
} from '../scripts/index.js';
import type { Command, NodeCommands, OnReply } from './node-commands.js';
import type { NodeEpoch, OtherListError, RunScript } from './node-epoch.js';
import { NodeLifecycle, type NodeLifecycleSettings } from './node-lifecycle.js';
import { NodeTrust, UNKNOWN_EPOCH } from './node-trust.js';
import { MOST_ORPHANED_KEYS, OrphanedKeys } from './orphaned-keys.js';
import { type Exchange, Rank } from './exchange.js';
import { free } from './free.js';

export interface RedisNodeSettings extends NodeLifecycleSettings {
  /** The name of another node of ours on the server with this run id, if there is one. One server must not have two votes. */
  readonly twinOf: (node: RedisNode, runId: string) => string | undefined;
  /** Called after each change of `up`. */
  readonly onChange: (node: RedisNode) => void;
}

/**
 * One node that has a vote, or one server of a Cluster, with all its operations. `NodeCommands` sends commands, `NodeTrust` decides
 * whether votes count, and `NodeLifecycle` knows whether the node is up.
 */
export class RedisNode {
  readonly name: string;
  /** Whether it has only some of the slots of a Cluster. All keys of one script must then be in one slot. */
  readonly sharded: boolean;
  readonly lockKeys = new Memo((key) => new LockKeys(key, this.recordKey(key)), MOST_KEPT);
  readonly #settings: RedisNodeSettings;
  readonly #trust: NodeTrust;
  readonly #orphanedKeys: OrphanedKeys;
  readonly #lifecycle: NodeLifecycle;
  readonly #commands: NodeCommands;

  constructor(
    readonly plan: ServerPlan,
    settings: RedisNodeSettings,
  ) {
    const { name, clock, commandTimeout, warn } = settings;
    this.name = name;
    this.sharded = settings.topology === 'shard';
    this.#settings = settings;
    this.#trust = new NodeTrust(settings);
    this.#orphanedKeys = new OrphanedKeys({
      clock,
      commandTimeout,
      // This release does not grant the lock to the next waiter. The next command that knows the node's epoch does.
      free: (key, id, onDone) =>
        free(this, new LockKeys(key, this.recordKey(key)), key, [id, UNKNOWN_EPOCH], onDone),
      onTooMany: () =>
        warn(
          `Redis node ${name}: more than ${MOST_ORPHANED_KEYS} locks could not be given back to it; the oldest are not tried again, and end by their ttl`,
        ),
    });
    const owner = {
      twinOf: (runId: string) => settings.twinOf(this, runId),
      onChange: () => settings.onChange(this),
    };
    this.#lifecycle = new NodeLifecycle(plan, settings, owner, this.#trust, this.#orphanedKeys);
    this.#commands = this.#lifecycle.commands;
  }

  /** Whether it may grant locks. A node that refuses for a while grants none, but still renews and frees them where it can. */
  get up(): boolean {
    return this.#lifecycle.up;
  }

  /** Whether it grants new locks, as far as is known. */
  get well(): boolean {
    return this.#lifecycle.well;
  }

  /** Why the node is down, for people. */
  get reason(): string {
    return this.#lifecycle.reason;
  }

  /** The run id of the server that we are connected to, or are about to be; '' when there is none. */
  get runId(): string {
    return this.#lifecycle.runId;
  }

  /** The servers that have its keys. */
  get servers(): readonly RedisNode[] {
    return [this];
  }

  /** The server that has this key. */
  at(_key: string): this {
    return this;
  }

  start(): Promise<void> {
    return this.#lifecycle.start();
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop();
  }

  sayDown(): void {
    this.#lifecycle.sayDown();
  }

  /** Checks whether the server was told to evict keys since it was connected. */
  lookAtMemory(): void {
    this.#lifecycle.checkMemory();
  }

  /** Redis has refused something. That may concern only this command, or the whole node. */
  doubt(error: NodeError): void {
    this.#lifecycle.doubt(error);
  }

  /** Sends one command; rejects with a `NodeError`, at once when the node is down. */
  send(command: Command): Promise<unknown> {
    return new Promise((resolve, reject) => this.call(command, resolve, reject));
  }

  /**
   * As `send`, without a promise of its own.
   * @param rank default: upkeep. Such a command must not wait behind many others, as it renews many leases
   */
  call(
    command: Command,
    onReply: OnReply,
    onError: (error: NodeError) => void,
    rank: Rank = Rank.upkeep,
  ): void {
    this.#commands.call(command, onReply, onError, rank);
  }

  /** As {@link call}, for a command that keeps its own state. Fast path: every acquisition and release passes here once per node. */
  exchange(exchange: Exchange): void {
    this.#commands.exchange(exchange);
  }

  /** Runs a script by its name, or in another way where the node cannot run it so. */
  run(
    script: Script,
    keys: ScriptKeys,
    args: readonly string[],
    onReply: OnReply,
    onError: (error: NodeError) => void,
    rank: Rank = Rank.upkeep,
  ): void {
    this.#commands.run(script, keys, args, onReply, onError, rank);
  }

  /** As {@link run}, for scripts that are not on the fast path of every lock. */
  evaluate(script: Script, keys: readonly string[], args: readonly string[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => this.run(script, new ScriptKeys(keys), args, resolve, reject));
  }

  /** The node's record about itself; undefined where a failover can lose leases anyway. */
  get record(): NodeEpoch | undefined {
    return this.#trust.record;
  }

  /** The error of a node that belongs to another list, until it belongs to ours. */
  get otherList(): OtherListError | undefined {
    return this.#trust.otherList;
  }

  /** The record that a script must find on the node to grant the lock; '' where there is no record. */
  get epoch(): string {
    return this.#trust.epoch;
  }

  /** See {@link NodeTrust.refused}. */
  refused(epoch: string): boolean {
    return this.#trust.refused(epoch);
  }

  /** The key of the record. Without a record, a key in the slot of the lock. */
  recordKey(key: string): string {
    return this.#trust.recordKey(key);
  }

  /** Why this node must not be asked for a lock now; `sync` when its record has to be read first. */
  admissionFor(ttl: number): NodeError | 'sync' | undefined {
    return this.#lifecycle.waitReason ?? this.#trust.admissionFor(ttl);
  }

  /** The same for a lease of any length. */
  get admission(): NodeError | 'sync' | undefined {
    return this.#lifecycle.waitReason ?? this.#trust.admission;
  }

  /** See {@link NodeTrust.notAfter}. */
  notAfter(now: number, most?: number): number | '' {
    return this.#trust.notAfter(now, most);
  }

  /** See {@link NodeTrust.observe}. */
  observe(micros: number, sentAt: number, keep?: boolean): NodeError | undefined {
    return this.#trust.observe(micros, sentAt, keep);
  }

  /** Reads the node's record again; one sync at a time, which all callers share. */
  sync(onDone: () => void, onError: (error: NodeError) => void): void {
    const run: RunScript = (how, script, keys, args) =>
      this.send((client) => client[how](script, keys.length, ...keys, ...args));
    this.#trust.sync(run, onDone, onError);
  }

  /** From now on the node may be told that it belongs to our list. Tells it at once, if it can be reached. */
  beginToSync(): Promise<void> {
    this.#trust.tellList();
    // Each caller that wants a lock of this node learns what is wrong with it.
    return new Promise((resolve) => this.sync(resolve, () => resolve()));
  }

  /** The channel on which the node tells waiters for a lock that it is their turn. The process id is appended to it. */
  turnChannel(key: string): string {
    return this.sharded ? shardedTurnChannel(key) : TURN_CHANNEL;
  }

  /** Remembers a lease that the node may hold although its caller gave it up, and frees it as soon as the node can be reached. */
  releaseLater(key: string, id: string): void {
    this.#orphanedKeys.add(key, id, Math.max(QUEUE_TTL, this.#settings.longestTtl()));
  }

  /** Hands over the keys that the node may still hold: the caller has to release them from now on. */
  takeDebts(): { readonly key: string; readonly id: string }[] {
    return this.#orphanedKeys.takeAll();
  }

  /** Stops a server of a Cluster that has no slots any more, and hands over the keys that it may still hold. */
  retire(): { readonly key: string; readonly id: string }[] {
    const owed = this.#lifecycle.retire(new NodeError('has no slots any more'));
    void this.stop();
    return owed;
  }
}
