/** How many users something has, and how to end it. */
interface Use {
  count: number;
  readonly end: () => void;
}

const uses = new Map<unknown, Use>();

/**
 * Runs something once for each key, however many users ask for it: two applications of one process must not count everything twice.
 * @param start returns how to end it
 * @returns how to use it no more; it ends with its last use
 */
export function sharedUse(key: unknown, start: () => () => void): () => void {
  const use = uses.get(key) ?? { count: 0, end: start() };
  uses.set(key, use);
  use.count += 1;
  let mine = true;
  return () => {
    if (!mine) return;
    mine = false;
    use.count -= 1;
    if (use.count > 0) return;
    uses.delete(key);
    use.end();
  };
}
