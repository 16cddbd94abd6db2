import type { Connection, ConnectionOwner } from './connection.js';
import type { HostAndPort } from '../options/index.js';

/** How to reach one node: over connections of the driver, or of the application. */
export type NodePlan = ServerPlan | ClusterPlan;

export interface CommonPlan {
  readonly name: string;
  /** Texts that no message may show. */
  readonly secrets: readonly string[];
  readonly commandTimeout: number;
}

/** The plan for one server at a time. */
export interface ServerPlan extends CommonPlan {
  /** A server for itself, the master behind Sentinel, or one of the servers of a Cluster. */
  readonly topology: 'single' | 'sentinel' | 'shard';
  /** Only for a server of a Cluster. */
  readonly address?: HostAndPort;
  /** The connection for commands. */
  readonly connect: (owner: ConnectionOwner) => Connection;
  /** The connection for subscriptions; always one of the driver's own. */
  readonly subscribe: (owner: ConnectionOwner) => Connection;
}

export interface ClusterPlan extends CommonPlan {
  readonly topology: 'cluster';
  /** The servers that may know the Cluster. */
  readonly seeds: () => readonly HostAndPort[];
  /** The prefix that the client adds to each key. */
  readonly keyPrefix: string;
  readonly serverAt: (address: HostAndPort) => ServerPlan;
}
