import { InvalidOptionsError } from '../../errors.js';
import { isFieldName } from '../../lock/name/index.js';
import { isBuiltinName } from './builtin-names.js';
import { declaringClass, labelOf } from '../../injection/index.js';

type NamesOfMethods = Map<string | symbol, Map<number, string>>;

/** Keyed by the very prototype that declares the method: a method that overrides another names its own parameters. */
const explicitNames = new WeakMap<object, NamesOfMethods>();

const NO_NAMES: ReadonlyMap<number, string> = new Map();

/**
 * Names a parameter for the lock names of `@Synchronized`, in place of the name that it has in the source.
 * It survives minification, and names a parameter that is destructured.
 *
 * @throws InvalidOptionsError when the class is loaded: for a name that is no identifier, is taken, or is one of the names that every lock
 * name has (`this`, `fName`, `className`), and on parameters of constructors
 *
 * @example
 * ```ts
 * @Synchronized('<fName>-<share.id>')
 * async extend(@LockParam('share') share: Share, size: number): Promise<void> {}
 * ```
 * @publicApi
 */
export function LockParam(name: string): ParameterDecorator {
  return (target, propertyKey, index) => {
    if (propertyKey === undefined) {
      const className = declaringClass(target)?.name ?? '';
      throw new InvalidOptionsError(
        `@LockParam(${shown(name)}) on parameter ${index} of the constructor of ${className || '(anonymous class)'}: ` +
          'only methods take locks; move it to a parameter of a method with @Synchronized',
      );
    }
    const names = namesFor(target, propertyKey);
    const problem = problemOf(name, index, names);
    if (problem !== undefined) {
      throw new InvalidOptionsError(
        `@LockParam(${shown(name)}) on parameter ${index} of ${labelOf(target, propertyKey)}: ${problem}`,
      );
    }
    names.set(index, name);
  };
}

/** The names that `@LockParam` gave to parameters of this method, by position. */
export function explicitNamesOf(target: object, propertyKey: string | symbol): ReadonlyMap<number, string> {
  return explicitNames.get(target)?.get(propertyKey) ?? NO_NAMES;
}

function namesFor(target: object, propertyKey: string | symbol): Map<number, string> {
  const methods: NamesOfMethods = explicitNames.get(target) ?? new Map();
  explicitNames.set(target, methods);
  const names = methods.get(propertyKey) ?? new Map<number, string>();
  methods.set(propertyKey, names);
  return names;
}

function problemOf(name: unknown, index: number, names: ReadonlyMap<number, string>): string | undefined {
  if (typeof name !== 'string' || name === '') return 'the name has to be a non-empty string';
  if (!isFieldName(name)) return 'the name has to be an identifier, so that a lock name can hold it';
  if (isBuiltinName(name)) return 'every lock name has a field of that name already; choose another';
  if (names.has(index)) return `the parameter is named '${names.get(index)}' already; leave one of the two`;
  const other = [...names].find(([, taken]) => taken === name);
  return other === undefined ? undefined : `parameter ${other[0]} has that name already; choose another`;
}

function shown(name: unknown): string {
  return typeof name === 'string' ? JSON.stringify(name) : name === null ? 'null' : typeof name;
}
