/** The properties in which the tools put the error of the driver below them. */
const INSIDE = ['cause', 'original', 'parent', 'driverError', 'meta', 'driverAdapterError'];

/** Deeper than any tool wraps. */
const DEEPEST = 6;

/** The database's code in an error of any of the tools; undefined when it has none. */
export function sqlStateOf(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > DEEPEST) return undefined;
  const properties = error as Readonly<Record<string, unknown>>;
  for (const name of ['code', 'originalCode', 'sqlState']) {
    const code = properties[name];
    // Five characters: Prisma has codes of its own, such as P2010.
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^P\d/.test(code)) return code;
  }
  for (const name of INSIDE) {
    const found = sqlStateOf(properties[name], depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
