import type { ServerPlan } from '../connection/index.js';
import { cleanError, NodeError } from '../errors/index.js';
import { NodeClock } from './node-clock.js';
import { NodeEpoch, type NodeEpochSettings, OtherListError, type RunScript } from './node-epoch.js';

/** An epoch that no node has. */
export const UNKNOWN_EPOCH = '?';

export interface NodeTrustSettings extends Omit<NodeEpochSettings, 'onWait'> {
  readonly name: string;
  /** How long a command may take before the node counts as down, ms. */
  readonly commandTimeout: number;
  readonly secrets: readonly string[];
  /** One server, the master behind Sentinel, or a server of a Cluster. */
  readonly topology: ServerPlan['topology'];
  /** The coordinator's lease time, ms. */
  readonly ttl: number;
  readonly warn: (message: string) => void;
}

/**
 * Whether the votes of one node can be trusted. They cannot when its clock has jumped, when it may have forgotten leases, or when it
 * belongs to another list of nodes.
 */
export class NodeTrust {
  readonly #settings: NodeTrustSettings;
  readonly #sharded: boolean;
  /** Only for a single server. A failover of Sentinel or Cluster can lose leases anyway, and a Cluster has no node common to all locks. */
  readonly record: NodeEpoch | undefined;
  #clock: NodeClock;
  /** The run id of the server whose clock this is. */
  #clockOf = '';
  /** The node's clock counts as wrong until then, on our monotonic clock, ms. */
  #distrustedUntil = -Infinity;
  #syncing: Promise<void> | undefined;
  /** The longest lease that the sync under way reports to the node, ms. */
  #syncingFor = 0;
  /** Whether the node may be told that it belongs to our list: no other node has objected. */
  #mayTell = false;
  #otherList: OtherListError | undefined;

  constructor(settings: NodeTrustSettings) {
    this.#settings = settings;
    this.#sharded = settings.topology === 'shard';
    this.#clock = new NodeClock(settings.clock, settings.ttl);
    if (settings.topology === 'single') this.record = newRecord(settings);
  }

  /** The error of a node that belongs to another list, until it belongs to ours. */
  get otherList(): OtherListError | undefined {
    return this.#otherList;
  }

  /** The record that a script must find on the node to grant the lock; '' where there is no record. */
  get epoch(): string {
    return this.record ? (this.record.text ?? UNKNOWN_EPOCH) : '';
  }

  /** The key of the record. Without a record, a key in the slot of the lock. */
  recordKey(key: string): string {
    return this.record?.key ?? key;
  }

  /** Why a lease of `ttl` ms must not be granted now; `sync` when the node's record has to be read first. */
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

  /** How long the node's clock still counts as wrong, ms. Reads our clock only if the node's clock has ever jumped. */
  get #distrusted(): number {
    const until = this.#distrustedUntil;
    return until === -Infinity ? 0 : until - this.#settings.clock.monotonic();
  }

  /** Called on connecting to a server. Another server has another clock: after a failover, or a restart on another machine. */
  meet(runId: string): void {
    if (runId !== this.#clockOf) this.#clock = new NodeClock(this.#settings.clock, this.#settings.ttl);
    this.#clockOf = runId;
  }

  /**
   * The last moment at which the node may run what is sent now, ms of its time; '' while its time is unknown.
   * @param now on the monotonic clock, ms
   * @param most the longest time until it runs, ms
   */
  notAfter(now: number, most = Infinity): number | '' {
    // A Cluster may redirect the command to another server, which has a clock of its own.
    if (this.#sharded) return '';
    const earliest = this.#clock.earliest(now);
    return earliest === undefined ? '' : Math.floor(earliest + Math.min(most, this.#settings.commandTimeout));
  }

  /**
   * Takes the node's time from a reply, or from a message. For a message it is unknown when it was sent: `keep` is then false.
   * @returns why the vote in this reply does not count: the node's clock has jumped since the last reply
   */
  observe(micros: number, sentAt: number, keep = true): NodeError | undefined {
    const { clock, longestTtl, warn, name } = this.#settings;
    if (this.#sharded) return undefined;
    const jump = this.#clock.observe(micros, sentAt, keep);
    if (jump === 0) return undefined;
    const said = `its clock jumped ${jump > 0 ? 'ahead' : 'back'} by ${Math.round(Math.abs(jump))} ms`;
    const longest = Math.max(longestTtl(), this.record?.longest ?? 0);
    if (jump > 0) this.#distrustedUntil = clock.monotonic() + longest;
    warn(
      `Redis node ${name}: ${said}${jump > 0 ? `; it takes part in no new lock for ${longest} ms` : ''}; keep the clocks of Redis from being stepped`,
    );
    // The node has run the command although its vote does not count. So the caller has to free the lock there.
    return new NodeError(`${said}, so its vote does not count`);
  }

  /** From now on the node may be told that it belongs to our list. */
  tellList(): void {
    this.#mayTell = true;
  }

  /** Reads the node's record again; one sync at a time, which all callers share. */
  sync(run: RunScript, onDone: () => void, onError: (error: NodeError) => void): void {
    const longest = this.#settings.longestTtl();
    // A sync under way may not have told the node of the longest lease.
    if (!this.#syncing || this.#syncingFor < longest) {
      this.#syncingFor = longest;
      const before = this.#syncing?.catch(() => undefined) ?? Promise.resolve();
      const mine: Promise<void> = before
        .then(() => this.#sync(run))
        .finally(() => {
          if (this.#syncing === mine) this.#syncing = undefined;
        });
      this.#syncing = mine;
    }
    const synced = (): void => {
      // A longer lease was asked for since, so the node grants nothing before it knows of that one too.
      const told = !this.#mayTell || !this.record || this.record.longest >= this.#settings.longestTtl();
      if (told) onDone();
      else this.sync(run, onDone, onError);
    };
    this.#syncing.then(synced, (error: unknown) => onError(cleanError(error, this.#settings.secrets)));
  }

  /**
   * The node has refused a command, as its record is not the one that the command named. The record must be read again, unless it was
   * since the command was sent.
   * @returns whether the record has changed; false for a command that was sent while the record was not known
   */
  refused(epoch: string): boolean {
    if (epoch === UNKNOWN_EPOCH) return false;
    if (epoch === this.epoch) this.record?.forget();
    return true;
  }

  /** What was read over the last connection may be wrong for the next one. The node grants nothing until its record is read again. */
  forget(): void {
    this.record?.forget();
  }

  readRecord(run: RunScript): Promise<void> {
    return this.#sync(run);
  }

  /**
   * A node that this driver cannot use may still belong to another list, whose replicas can use it. So the driver asks it for its list
   * even when it refuses all else.
   * @throws OtherListError if it belongs to another list; otherwise `reason`, which says why it cannot be used
   */
  async lookAtList(run: RunScript, reason: unknown): Promise<never> {
    if (cleanError(reason).answered)
      await this.record?.look(run).catch((error: unknown) => {
        if (!(error instanceof OtherListError)) return;
        this.#otherList = error;
        throw error;
      });
    throw reason;
  }

  async #sync(run: RunScript): Promise<void> {
    const { record } = this;
    if (!record) return;
    const { clock, warn, name } = this.#settings;
    const sentAt = clock.monotonic();
    try {
      if (this.#mayTell) this.observe(await record.sync(run), sentAt);
      else await record.look(run);
      this.#otherList = undefined;
    } catch (error) {
      if (!(error instanceof OtherListError)) throw error;
      if (this.#mayTell && !this.#otherList)
        warn(`Redis node ${name} ${error.message}; no lock is taken, and no lease renewed, until then`);
      this.#otherList = error;
      throw error;
    }
  }
}

function newRecord(settings: NodeTrustSettings): NodeEpoch {
  const { name, warn } = settings;
  const onWait = (ms: number, longest: number): void =>
    warn(
      `Redis node ${name} has lost its keys or is new: it grants no lock for ${Math.ceil(ms)} ms, because leases of up to ${longest} ms from before may still be held (for tests and development alone, redis: { quarantine: false } grants at once)`,
    );
  return new NodeEpoch({ ...settings, onWait });
}
