/** The entries of each lock, in their order. */
export function byLock<T extends { readonly lock: string }>(entries: Iterable<T>): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of entries) {
    const group = groups.get(entry.lock);
    if (group) group.push(entry);
    else groups.set(entry.lock, [entry]);
  }
  return groups;
}
