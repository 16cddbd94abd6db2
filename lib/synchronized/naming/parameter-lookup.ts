import { classNameOf, type Fail, lockNameError, type LockNameTemplate } from '../../lock/name/index.js';
import { CLASS_NAMES, FUNCTION_NAMES, isBuiltinName, THIS_NAME } from './builtin-names.js';
import { explicitNamesOf } from './lock-param.decorator.js';
import { declaringClass, labelOf } from '../../injection/index.js';
import { parametersOf, type Parameter } from './parameter-names.js';

/** A lock name of one method, whose fields know which arguments they read. */
export interface BoundTemplate {
  /** True when the name depends on no argument and not on `this`: constants, fName and className only. */
  readonly constant: boolean;
  /** The class whose name is in it, if it is. */
  readonly namedAfter?: Function;
  /** Whether the name of the object's own class is in it, which may extend the one that has the method. */
  readonly namedAfterThis: boolean;
  /** The lock name of a call. Throws `LockNameError` for a value that cannot name a lock. */
  render(self: unknown, args: readonly unknown[]): string;
}

type Read = (self: unknown, args: readonly unknown[]) => unknown;

/** Longer names than these are hardly the work of a minifier: `id` is not. */
const LONGEST_MINIFIED_NAME = 1;

/**
 * Binds the roots of a template to the arguments of a method, once, at decoration. Throws `LockNameError` for a name
 * that the method does not have.
 */
export function bindTemplate(
  template: LockNameTemplate,
  target: object,
  propertyKey: string | symbol,
): BoundTemplate {
  const where = labelOf(target, propertyKey);
  const parameters = namedParameters(target, propertyKey);
  const fail: Fail = (problem) => {
    throw lockNameError(template.source, where, problem);
  };
  const reads = new Map<string, Read>();
  for (const root of template.roots) {
    const read =
      builtin(root, target, propertyKey, fail) ?? readerOf(root, parameters.get(root), template, where);
    if (read === undefined) throw unknownRoot(root, parameters, template, target, propertyKey);
    reads.set(root, read);
  }
  const render: BoundTemplate['render'] = (self, args) =>
    template.render((root) => reads.get(root)?.(self, args), where);
  const namedAfter = template.roots.some((root) => CLASS_NAMES.includes(root))
    ? declaringClass(target)
    : undefined;
  if (template.roots.some((root) => !isBuiltinName(root) || root === THIS_NAME))
    return { constant: false, namedAfter, namedAfterThis: template.namesClassOfThis, render };
  // A class gets its name from a decorator that runs after those of its methods; every other mistake shows at once.
  let name = namedAfter ? undefined : render(undefined, []);
  return {
    constant: true,
    namedAfter,
    namedAfterThis: false,
    render: () => (name ??= render(undefined, [])),
  };
}

/** The parameters by their names in lock names: an explicit name replaces the one in the source. */
function namedParameters(target: object, propertyKey: string | symbol): ReadonlyMap<string, Parameter> {
  const explicit = explicitNamesOf(target, propertyKey);
  const parsed = parametersOf(target, propertyKey) ?? [];
  const named = new Map<string, Parameter>();
  for (const parameter of parsed) {
    if (parameter.name !== undefined && !explicit.has(parameter.index)) named.set(parameter.name, parameter);
  }
  for (const [index, name] of explicit) named.set(name, parsed[index] ?? { index, rest: false });
  return named;
}

function builtin(root: string, target: object, propertyKey: string | symbol, fail: Fail): Read | undefined {
  if (root === THIS_NAME) return (self) => self;
  if (FUNCTION_NAMES.includes(root)) {
    const name = typeof propertyKey === 'symbol' ? propertyKey.description : propertyKey;
    return () => name;
  }
  if (CLASS_NAMES.includes(root)) {
    const constructor = declaringClass(target);
    // Read at the call: the class is decorated after its methods.
    return () => constructor && classNameOf(constructor, fail);
  }
  return undefined;
}

function readerOf(
  root: string,
  parameter: Parameter | undefined,
  template: LockNameTemplate,
  where: string,
): Read | undefined {
  if (parameter === undefined) return undefined;
  const { index } = parameter;
  if (parameter.rest) return (_self, args) => args.slice(index);
  const preset = parameter.default;
  if (preset !== undefined) return (_self, args) => (args[index] === undefined ? preset.value : args[index]);
  if (parameter.computedDefault !== true) return (_self, args) => args[index];
  return (_self, args) => {
    if (args[index] !== undefined) return args[index];
    throw lockNameError(
      template.source,
      where,
      `${root} is undefined and its default is not a literal, which only the method can see; pass it`,
    );
  };
}

function unknownRoot(
  root: string,
  parameters: ReadonlyMap<string, Parameter>,
  template: LockNameTemplate,
  target: object,
  propertyKey: string | symbol,
): Error {
  const inOrder = [...parameters].toSorted(([, a], [, b]) => a.index - b.index);
  const names = inOrder.map(([name]) => name);
  const known = [...names, THIS_NAME, FUNCTION_NAMES[0], CLASS_NAMES[0]].join(', ');
  let advice = `use one of them, or name a parameter with @LockParam('${root}')`;
  const destructured = parametersOf(target, propertyKey)?.find(
    ({ name: itsName, index }) => itsName === undefined && !explicitNamesOf(target, propertyKey).has(index),
  );
  if (destructured) {
    advice = `parameter ${destructured.index} is destructured, so nothing names it as a whole: write @LockParam('params') before it and '<params.${root}>' in the lock name, or take it whole`;
  } else if (parametersOf(target, propertyKey) === undefined) {
    advice = `its source cannot be read, so name the parameter with @LockParam('${root}')`;
  } else if (names.length > 0 && names.every((name) => name.length <= LONGEST_MINIFIED_NAME)) {
    advice = `the class looks minified, so name the parameter with @LockParam('${root}')`;
  }
  return lockNameError(
    template.source,
    labelOf(target, propertyKey),
    `no parameter is called '${root}'; known names are ${known}; ${advice}`,
  );
}
