/** The names that `@LockScope` gave, by class. */
const explicit = new WeakMap<Function, string>();

/** How long the names are that minifiers make, at most. */
const LONGEST_MINIFIED = 3;

/** As `mixin()` of Nest makes them: 21 hexadecimal digits. */
const RANDOM = /^[\da-f]{21}$/;

/** From now on the class has this name in lock names. */
export function nameClass(constructor: Function, name: string): void {
  explicit.set(constructor, name);
}

/**
 * The name of a class for lock names. Two replicas have to agree on it, also when they were built apart.
 *
 * @param fail told what is wrong with the name that a build has given the class, and what to do
 */
export function classNameOf(constructor: Function, fail: (problem: string) => never): string {
  const given = explicit.get(constructor);
  if (given !== undefined) return given;
  const name = ownName(constructor);
  const renamed = renamedBy(name, Function.prototype.toString.call(constructor));
  if (renamed === undefined) return name;
  return fail(
    `the class is called '${name}', which ${renamed}, and another build or process may call it otherwise; name the class with @LockScope('…') directly above it, or write its name into the lock name`,
  );
}

/** SWC and esbuild put a `_` before the name of a class that refers to itself. */
function ownName({ name }: Function): string {
  return /^_[A-Z]/.test(name) ? name.slice(1) : name;
}

/** The tool that has made the name of a class, where it is not that of the source; undefined for a name that looks like the source's. */
function renamedBy(name: string, source: string): string | undefined {
  if (RANDOM.test(name)) return 'looks like the work of mixin() of Nest, which makes names at random';
  // Only minifiers leave out the space before the body.
  const compact =
    /^class(\s+[\w$]+)?(\s+extends\s+[^{]+)?\{/.test(source) && !/^class\s*\{\s*\}$/.test(source);
  if ((compact && name.length <= LONGEST_MINIFIED) || /^[a-z_$][\w$]?$/.test(name))
    return 'looks like the work of a minifier';
  // esbuild makes an anonymous class of a decorated one, and tells two of one name apart by a number.
  if (/^class\s*(extends[^{]+)?\{/.test(source) && /\d$/.test(name))
    return 'looks like the work of a bundler that keeps classes of one name apart';
  // webpack and rspack put the file's name before it.
  if (/^[a-z\d]+(_[a-z\d]+)*_[A-Z]/.test(name)) return 'looks like the work of a bundler that joins modules';
  return undefined;
}
