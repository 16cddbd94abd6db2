/** Where a release is told. */
export function channelOf(key: string): string {
  return `coordination:free:${key}`;
}

export function memberKeyOf(memberId: string): string {
  return `coordination:member:${memberId}`;
}

/**
 * What a Cluster hashes of a key: what stands in its first braces, or the whole key where they are empty or missing.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function hashTagOf(key: string): string {
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key;
}

/** Where a lock's fencing tokens are counted: in the slot of the lock's key, as a Cluster wants it. */
export function counterOf(key: string): string {
  return `coordination:fence:${hashTagOf(key) === key ? `{${key}}` : key}`;
}
