/** One way to lose a holder or a node, and how long it then takes until somebody runs under the lock. */
export interface RecoveryCase {
  readonly on: string;
  readonly what: string;
  /** Sets up, breaks, measures, cleans up; ms. */
  readonly measure: (ttl: number) => Promise<number>;
}
