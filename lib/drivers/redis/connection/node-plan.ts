import type { Connection, ConnectionOwner } from './connection.js';
import type { HostAndPort } from '../options/index.js';

/** How to reach one node, over connections of ours or of the application. */
export type NodePlan = ServerPlan | ClusterPlan;

export interface CommonPlan {
  readonly name: string;
  /** What must not be in any message. */
  readonly secrets: readonly string[];
  readonly commandTimeout: number;
}

/** Of one server at a time. */
export interface ServerPlan extends CommonPlan {
  /** A server for itself, the master that sentinels name, or one of the servers of a Cluster. */
  readonly topology: 'single' | 'sentinel' | 'shard';
  /** Of a server of a Cluster. */
  readonly address?: HostAndPort;
  /** The connection for commands. */
  readonly connect: (owner: ConnectionOwner) => Connection;
  /** The connection for subscriptions; always ours. */
  readonly subscribe: (owner: ConnectionOwner) => Connection;
}

export interface ClusterPlan extends CommonPlan {
  readonly topology: 'cluster';
  /** Who may know the servers of the Cluster. */
  readonly seeds: () => readonly HostAndPort[];
  /** What the client puts before each key. */
  readonly keyPrefix: string;
  readonly serverAt: (address: HostAndPort) => ServerPlan;
}
