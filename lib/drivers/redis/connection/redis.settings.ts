import type { RedisConnectionOptions, RedisNodeOptions, RedisNodeUrl } from '../options/index.js';
import type { RedisClient } from './clients.js';
import type { NodePlan } from './node-plan.js';

/** Where the nodes are, or one ready ioredis client per node. */
export type RedisSource =
  | (RedisNodeOptions & { readonly nodes: readonly RedisNodeUrl[] })
  | readonly RedisClient[]
  /** For who brings the transport too: a simulation. */
  | { readonly plans: readonly NodePlan[] };

export interface RedisDriverSettings {
  /** The usual ttl of a lease, ms; the default of the command time-out follows from it. */
  readonly ttl: number;
  /** ioredis options for every node that is given by URL. */
  readonly redisOptions?: RedisConnectionOptions;
  /** Maps a prefixed name to its Redis key; default `coordination:lock:` + the name. */
  readonly keyOf?: (name: string) => string;
  /** The coordinator's prefix, for the one key that the driver makes up itself; default ''. */
  readonly prefix?: string;
  /** No lease may be longer, ms; without it, the longest that this coordinator has asked for. */
  readonly maxTtl?: number;
  /**
   * The nodes keep every write over a restart (appendfsync always), so that none has to be sat out. All clients have to agree:
   * one that says so renews the record of a node after its restart, and the others believe that.
   */
  readonly persistent?: boolean;
  /** Whether a node that may have forgotten leases is sat out; default true. Without, two holders are possible after a restart. */
  readonly quarantine?: boolean;
  /** Names the list of nodes, where replicas reach them under different addresses. */
  readonly nodeList?: string;
  /** It takes no lock: the nodes are told nothing, and no script is tried out. */
  readonly looksOnly?: boolean;
  /** For ready clients, which bring no options of their own, ms. */
  readonly commandTimeout?: number;
}
