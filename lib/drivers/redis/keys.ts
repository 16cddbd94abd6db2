/** Where a release is told. */
export function channelOf(key: string): string {
  return `coordination:free:${key}`;
}

export function memberKeyOf(memberId: string): string {
  return `coordination:member:${memberId}`;
}

/**
 * Where a lock's fencing tokens are counted: in the slot of the lock's key, as a Cluster wants it. A key is hashed by
 * what stands in its first non-empty braces, or else as a whole.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function counterOf(key: string): string {
  const tagged = /^[^{]*\{[^}]+\}/.test(key);
  return `coordination:fence:${tagged ? key : `{${key}}`}`;
}
