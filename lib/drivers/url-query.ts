/**
 * Reads the query strings of the URLs of one back end. Values are never quoted: they may be secret.
 * @throws an Error for a key that is not known, or that is given twice
 */
export function readQueries(
  queries: readonly string[],
  known: readonly string[],
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const query of queries) {
    const seen = new Set<string>();
    for (const [key, value] of new URLSearchParams(query)) {
      if (!known.includes(key)) {
        throw new Error(`unknown option ${JSON.stringify(key)} in the query; known are ${known.join(', ')}`);
      }
      if (seen.has(key) || (values.has(key) && values.get(key) !== value)) {
        throw new Error(`the query gives ${key} more than once; give it once`);
      }
      seen.add(key);
      values.set(key, value);
    }
  }
  return values;
}
