import { randomUUID } from 'node:crypto';
import type { RedisClient, ServerPlan } from '../connection/index.js';
import { NodeError } from '../errors/index.js';
import { textOf } from '../scripts/index.js';
import { preflight } from './script-preflight.js';

export interface ServerChecksSettings {
  readonly name: string;
  readonly topology: ServerPlan['topology'];
  /** The options declare that it keeps every write over a restart. */
  readonly persistent: boolean;
  /**
   * Makes a key from a random text, to try the scripts out. No lock has the key if the text is in it. Undefined where no lock's key gets to
   * this server.
   */
  readonly preflightKey: (random: string) => string | undefined;
  readonly warn: (message: string) => void;
}

/** Checks whether a node's server can do all that the driver needs: by its INFO, and by trying the scripts out. */
export class ServerChecks {
  readonly #settings: ServerChecksSettings;
  readonly #twinOf: (runId: string) => string | undefined;
  #runId = '';
  /** The last server that was checked. */
  #checked = '';
  /** Why the server may evict locks, at the last look. */
  #eviction: string | undefined;

  /** @param twinOf the name of another node of ours on the server with this run id, if there is one */
  constructor(settings: ServerChecksSettings, twinOf: (runId: string) => string | undefined) {
    this.#settings = settings;
    this.#twinOf = twinOf;
  }

  /** The run id of the server that we are connected to, or are about to be; '' when there is none. */
  get runId(): string {
    return this.#runId;
  }

  /** The connection to the server is over. */
  leave(): void {
    this.#runId = '';
  }

  /**
   * Checks the server's INFO.
   * @returns the server's run id, which changes with each restart
   * @throws NodeError that says what to change
   */
  async checkInfo(client: RedisClient): Promise<string> {
    const info = parseInfo(textOf(await client.info()));
    checkServer(info, this.#settings.topology === 'shard');
    this.#checkPersistence(info);
    const runId = info.get('run_id') ?? '';
    this.#checked = runId;
    this.#runId = '';
    const twin = runId === '' ? undefined : this.#twinOf(runId);
    if (twin !== undefined) {
      throw new NodeError(`is the same server as ${twin}: every node needs a server of its own`, {
        answered: true,
      });
    }
    this.#runId = runId;
    return runId;
  }

  /** @throws the refusal of a script that this user may not run */
  async checkScripts(client: RedisClient): Promise<void> {
    const random = randomUUID();
    const key = this.#settings.preflightKey(random);
    if (key !== undefined) await preflight(client, key, key.includes(random));
  }

  /**
   * Warns when the server was told to evict keys since it was connected. It loses nothing before its memory is full, so the driver
   * keeps using it.
   * @param memory the memory part of INFO
   */
  checkMemory(memory: string): void {
    const eviction = evictionOf(parseInfo(memory));
    const { name, warn } = this.#settings;
    if (eviction !== undefined && eviction !== this.#eviction)
      warn(`Redis node ${name} ${eviction}; the next connection to it is refused`);
    this.#eviction = eviction;
  }

  /** Warns when INFO disproves the operator's promise. It is not an error: a test that flushes may mean it so. */
  #checkPersistence(info: ServerInfo): void {
    const { persistent, warn, name } = this.#settings;
    if (!persistent || info.get('aof_enabled') !== '0' || info.get('run_id') === this.#checked) return;
    warn(
      `Redis node ${name} is declared to keep every write over a restart (redis.persistent), and does not: appendonly is no; two holders of a lock are possible after a restart`,
    );
  }
}

/** The fields of a server's INFO. */
type ServerInfo = ReadonlyMap<string, string>;

function parseInfo(text: string): ServerInfo {
  const pairs = text.split('\n').map((line) => line.trim().split(':'));
  return new Map(pairs.map(([key = '', ...value]) => [key, value.join(':')]));
}

/**
 * What a server must be for a lock to be safe on it: a master that never evicts keys when its memory is full. A held lock was seen
 * evicted after 175 writes under volatile-lru.
 *
 * @param ofCluster whether it is used as a server of a Cluster
 * @throws NodeError that says what to change
 */
function checkServer(info: ServerInfo, ofCluster: boolean): void {
  // While it loads, its INFO has no append-only file, and it refuses nearly everything.
  if (info.get('loading') === '1') {
    throw new NodeError('is still loading its data set', { answered: true, kind: 'loading' });
  }
  const role = info.get('role') ?? 'master';
  if (role !== 'master') {
    throw new NodeError('is a replica', { answered: true, kind: 'read-only' });
  }
  if (!ofCluster && info.get('cluster_enabled') === '1') {
    throw new NodeError('is in cluster mode', { answered: true, kind: 'cluster-part' });
  }
  const eviction = evictionOf(info);
  if (eviction !== undefined) throw new NodeError(eviction, { answered: true, kind: 'evicts' });
}

/** Why the server may evict a held lock; undefined when it never does. */
function evictionOf(info: ServerInfo): string | undefined {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  const limit = Number(info.get('maxmemory') ?? 0);
  if (limit === 0 || policy === 'noeviction') return undefined;
  return `may evict held locks when its memory is full (maxmemory-policy ${policy}): set maxmemory-policy noeviction`;
}
