export interface AccessRule {
  /** Of the client, an IPv4 address. */
  readonly to: string;
  readonly level: 'rw' | 'ro';
}
