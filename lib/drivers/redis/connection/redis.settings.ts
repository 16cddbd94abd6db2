import type { RedisConnectionOptions, RedisNodeOptions, RedisNodeUrl } from '../options/index.js';
import type { RedisClient } from './clients.js';
import type { NodePlan } from './node-plan.js';

/** Where the nodes are, or one ready ioredis client per node. */
export type RedisSource =
  | (RedisNodeOptions & { readonly nodes: readonly RedisNodeUrl[] })
  | readonly RedisClient[]
  /** For a simulation, which brings its own transport. */
  | { readonly plans: readonly NodePlan[] };

export interface RedisDriverSettings {
  /** The usual ttl of a lease, ms. The default of the command time-out follows from it. */
  readonly ttl: number;
  /** ioredis options for every node that is given by URL. */
  readonly redisOptions?: RedisConnectionOptions;
  /** Maps a prefixed name to its Redis key; default `coordination:lock:` + the name. */
  readonly keyOf?: (name: string) => string;
  /** The coordinator's prefix, for the only key whose name the driver makes itself; default ''. */
  readonly prefix?: string;
  /** The longest lease allowed, ms; without it, the longest that this coordinator has asked for. */
  readonly maxTtl?: number;
  /**
   * The nodes keep every write over a restart (appendfsync always), so that a restart needs no quarantine. All clients have to agree:
   * a client with this setting renews the record of a restarted node, and the others believe that record.
   */
  readonly persistent?: boolean;
  /** Whether a node that may have forgotten leases is quarantined; default true. Without it, two holders are possible after a restart. */
  readonly quarantine?: boolean;
  /** Names the list of nodes, where replicas reach them under different addresses. */
  readonly nodeList?: string;
  /** For a tool that takes no lock: the driver writes nothing to the nodes, and tries no script out. */
  readonly looksOnly?: boolean;
  /** For ready clients, as these have no node options; ms. */
  readonly commandTimeout?: number;
}
