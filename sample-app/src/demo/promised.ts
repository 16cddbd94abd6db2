/** What the replicas acknowledged about one share, which therefore must be on the disk. */
export interface Promised {
  readonly id: string;
  /** In GiB; undefined for a share that is reverted while it is extended. */
  size?: number;
  /** GiB that may be there or not: a replica died over the request. */
  inDoubt: number;
  /** Clients that were allowed access, and not denied it again. */
  readonly allowed: Set<string>;
  /** Clients that were denied access. */
  readonly denied: Set<string>;
  /** Names of snapshots, and how many requests to make each were answered 201. */
  readonly snapshots: Map<string, number>;
}
