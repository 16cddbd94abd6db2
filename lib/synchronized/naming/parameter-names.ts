import { parse, type Class, type Expression, type MethodDefinition, type Pattern } from 'acorn';
import { literalOf, type Literal } from './literal-default.js';
import { declaringClass } from '../../injection/index.js';

/** One parameter of a method, as its source declares it. */
export interface Parameter {
  /** Undefined when the parameter is destructured. */
  readonly name?: string;
  readonly index: number;
  readonly rest: boolean;
  /** The value of the parameter without an argument, where it is written as a literal. */
  readonly default?: Literal;
  /** True when the default is no literal: only the method itself knows its value. */
  readonly computedDefault?: boolean;
}

/** 'instance update' or 'static update' → its parameters. */
type Methods = ReadonlyMap<string, readonly Parameter[]>;

/** A class is parsed once, however many of its methods are decorated. */
const parsedClasses = new WeakMap<Function, Methods | undefined>();

/**
 * Parameters of a method, read from the source of its class: under an inner decorator the method itself shows the
 * source of a wrapper. `target` is what a legacy method decorator gets: the prototype, or the class of a static method.
 * Undefined when there is no source to parse (native code, symbol keys, classes compiled to functions).
 */
export function parametersOf(target: object, propertyKey: string | symbol): readonly Parameter[] | undefined {
  const constructor = declaringClass(target);
  if (constructor === undefined || typeof propertyKey === 'symbol') return undefined;
  if (!parsedClasses.has(constructor)) parsedClasses.set(constructor, methodsOf(constructor));
  return parsedClasses.get(constructor)?.get(methodKey(propertyKey, target === constructor));
}

function methodKey(name: string, isStatic: boolean): string {
  return `${isStatic ? 'static' : 'instance'} ${name}`;
}

function methodsOf(constructor: Function): Methods | undefined {
  const node = parseClass(constructor);
  if (node === undefined) return undefined;
  const methods = new Map<string, readonly Parameter[]>();
  for (const member of node.body.body) {
    if (member.type !== 'MethodDefinition' || member.kind !== 'method') continue;
    const name = nameOf(member);
    if (name !== undefined) methods.set(methodKey(name, member.static), member.value.params.map(toParameter));
  }
  return methods;
}

function parseClass(constructor: Function): Class | undefined {
  // A class may have a static method called toString.
  const source = Function.prototype.toString.call(constructor);
  try {
    const [statement] = parse(`(${source})`, {
      ecmaVersion: 'latest',
      sourceType: 'module',
      // A nested class may use private names of the class around it.
      checkPrivateFields: false,
      allowSuperOutsideMethod: true,
    }).body;
    if (statement?.type !== 'ExpressionStatement') return undefined;
    return statement.expression.type === 'ClassExpression' ? statement.expression : undefined;
  } catch (error) {
    // `[native code]`, or syntax newer than the parser: the application then needs explicit names, and an error says so.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Undefined for private methods and for keys that only running the code can tell. */
function nameOf({ key, computed }: MethodDefinition): string | undefined {
  if (key.type === 'Identifier' && !computed) return key.name;
  return key.type === 'Literal' && key.regex === undefined ? String(key.value) : undefined;
}

function toParameter(pattern: Pattern, index: number): Parameter {
  switch (pattern.type) {
    case 'Identifier':
      return { name: pattern.name, index, rest: false };
    case 'RestElement':
      return { ...toParameter(pattern.argument, index), rest: true };
    case 'AssignmentPattern':
      return { ...toParameter(pattern.left, index), ...toDefault(pattern.right) };
    default:
      return { index, rest: false };
  }
}

function toDefault(expression: Expression): Pick<Parameter, 'default' | 'computedDefault'> {
  const literal = literalOf(expression);
  return literal === undefined ? { computedDefault: true } : { default: literal };
}
