import luaparse, { type Expression, type ForNumericStatement, type Statement } from 'luaparse';
import { isTrue, LuaError, LuaTable, type LuaValue, toNumber, toText, typeOf } from './values.js';

/** One run of a script: what its locals hold, by number, and its globals. */
interface Frame {
  readonly locals: LuaValue[];
  readonly globals: Readonly<Record<string, LuaValue>>;
}

type Evaluate = (frame: Frame) => LuaValue;
/** For calls, which can give any number of values. */
type EvaluateAll = (frame: Frame) => readonly LuaValue[];
/** Gives the values of a `return`, or undefined when the script goes on. */
type Execute = (frame: Frame) => readonly LuaValue[] | undefined;

/** What `break` gives, up to its loop. */
const BREAK: readonly LuaValue[] = [];

export type CompiledScript = (globals: Readonly<Record<string, LuaValue>>) => readonly LuaValue[];

/**
 * Compiles a script of Lua 5.1 to functions. It knows what short scripts for Redis need: no functions or
 * metatables; anything that it does not know throws here, so that nothing is half understood.
 *
 * Not a Lua of a later version: 5.3 and up have integers, of 32 bits in some implementations for JavaScript, and would
 * count other numbers than Redis does.
 */
export function compileLua(source: string): CompiledScript {
  const { body } = luaparse.parse(source, { luaVersion: '5.1', encodingMode: 'pseudo-latin1' });
  const scope = new Scope();
  const run = block(body, scope);
  return (globals) => run({ locals: [], globals }) ?? [];
}

/** Which number a local has; a block sees those around it. */
class Scope {
  readonly #names = new Map<string, number>();
  readonly #counter: { next: number };

  constructor(private readonly outer?: Scope) {
    this.#counter = outer ? outer.#counter : { next: 0 };
  }

  declare(name: string): number {
    const slot = this.#counter.next;
    this.#counter.next += 1;
    this.#names.set(name, slot);
    return slot;
  }

  find(name: string): number | undefined {
    return this.#names.get(name) ?? this.outer?.find(name);
  }
}

function unsupported(what: string): never {
  throw new Error(`The Lua of the tests does not know ${what}; add it with a test against a real server`);
}

function block(body: readonly Statement[], outer: Scope): Execute {
  const scope = new Scope(outer);
  const steps = body.map((each) => statement(each, scope));
  return (frame) => {
    for (const step of steps) {
      const result = step(frame);
      if (result) return result;
    }
    return undefined;
  };
}

function statement(node: Statement, scope: Scope): Execute {
  switch (node.type) {
    case 'LocalStatement': {
      const values = list(node.init, scope);
      const slots = node.variables.map(({ name }) => scope.declare(name));
      return assign(slots, values);
    }
    case 'AssignmentStatement': {
      const targets = node.variables.map((variable) => target(variable, scope));
      const values = list(node.init, scope);
      return (frame) => {
        const all = values(frame);
        for (const [index, put] of targets.entries()) put(frame, all[index]);
        return undefined;
      };
    }
    case 'WhileStatement': {
      const goesOn = condition(node.condition, scope);
      const run = block(node.body, scope);
      return (frame) => {
        while (goesOn(frame)) {
          const result = run(frame);
          if (result) return result === BREAK ? undefined : result;
        }
        return undefined;
      };
    }
    case 'ForNumericStatement':
      return count(node, scope);
    case 'BreakStatement':
      return () => BREAK;
    case 'IfStatement': {
      const clauses = node.clauses.map((clause) => ({
        applies: clause.type === 'ElseClause' ? () => true : condition(clause.condition, scope),
        run: block(clause.body, scope),
      }));
      return (frame) => clauses.find(({ applies }) => applies(frame))?.run(frame);
    }
    case 'ReturnStatement':
      return list(node.arguments, scope);
    case 'CallStatement': {
      const call = callOf(node.expression, scope);
      return (frame) => {
        call(frame);
        return undefined;
      };
    }
    default:
      return unsupported(node.type);
  }
}

/** How a value gets where it is assigned to. */
function target(node: Expression, scope: Scope): (frame: Frame, value: LuaValue) => void {
  if (node.type === 'IndexExpression') {
    const [base, index] = [expression(node.base, scope), expression(node.index, scope)];
    return (frame, value) => {
      const table = base(frame);
      if (!(table instanceof LuaTable)) throw new LuaError(`attempt to index a ${typeOf(table)} value`);
      table.set(index(frame), value);
    };
  }
  const slot = node.type === 'Identifier' ? scope.find(node.name) : undefined;
  // Redis refuses new globals, too.
  if (slot === undefined) return unsupported('an assignment to anything but a local or an entry of a table');
  return (frame, value) => void (frame.locals[slot] = value);
}

function count(node: ForNumericStatement, outer: Scope): Execute {
  const [from, to] = [expression(node.start, outer), expression(node.end, outer)];
  const by = node.step ? expression(node.step, outer) : () => 1;
  const scope = new Scope(outer);
  const slot = scope.declare(node.variable.name);
  const run = block(node.body, scope);
  return (frame) => {
    const [last, step] = [operand(to(frame)), operand(by(frame))];
    for (let value = operand(from(frame)); step > 0 ? value <= last : value >= last; value += step) {
      frame.locals[slot] = value;
      const result = run(frame);
      if (result) return result === BREAK ? undefined : result;
    }
    return undefined;
  };
}

function assign(slots: readonly number[], values: EvaluateAll): Execute {
  return (frame) => {
    const all = values(frame);
    for (const [index, slot] of slots.entries()) frame.locals[slot] = all[index];
    return undefined;
  };
}

/** Several expressions; a call at the end gives all its values. */
function list(nodes: readonly Expression[], scope: Scope): EvaluateAll {
  const last = nodes.at(-1);
  const open = last?.type === 'CallExpression' ? callOf(last, scope) : undefined;
  const single = (open ? nodes.slice(0, -1) : nodes).map((node) => expression(node, scope));
  return (frame) => {
    const values = single.map((each) => each(frame));
    return open ? [...values, ...open(frame)] : values;
  };
}

function condition(node: Expression, scope: Scope): (frame: Frame) => boolean {
  const value = expression(node, scope);
  return (frame) => isTrue(value(frame));
}

function expression(node: Expression, scope: Scope): Evaluate {
  switch (node.type) {
    case 'NilLiteral':
      return () => undefined;
    case 'StringLiteral':
    case 'NumericLiteral':
    case 'BooleanLiteral': {
      const { value } = node;
      return () => value;
    }
    case 'Identifier': {
      const { name } = node;
      const slot = scope.find(name);
      return slot === undefined ? ({ globals }) => globals[name] : ({ locals }) => locals[slot];
    }
    case 'MemberExpression': {
      const { name } = node.identifier;
      return indexed(expression(node.base, scope), () => name);
    }
    case 'IndexExpression':
      return indexed(expression(node.base, scope), expression(node.index, scope));
    case 'CallExpression': {
      const call = callOf(node, scope);
      return (frame) => call(frame)[0];
    }
    case 'LogicalExpression': {
      const [left, right] = [expression(node.left, scope), expression(node.right, scope)];
      const stopsAt = node.operator === 'or';
      return (frame) => {
        const value = left(frame);
        return isTrue(value) === stopsAt ? value : right(frame);
      };
    }
    case 'UnaryExpression':
      return unary(node.operator, expression(node.argument, scope));
    case 'BinaryExpression':
      return binary(node.operator, expression(node.left, scope), expression(node.right, scope));
    case 'TableConstructorExpression': {
      const values = node.fields.map((field) =>
        field.type === 'TableValue' ? field.value : unsupported(`${field.type} in a table`),
      );
      const all = list(values, scope);
      return (frame) => LuaTable.ofArray(all(frame));
    }
    default:
      return unsupported(node.type);
  }
}

function callOf(node: Expression, scope: Scope): EvaluateAll {
  if (node.type !== 'CallExpression') return unsupported(`${node.type} as a statement`);
  const target = expression(node.base, scope);
  const args = list(node.arguments, scope);
  return (frame) => {
    const called = target(frame);
    if (typeof called !== 'function') throw new LuaError(`attempt to call a ${typeOf(called)} value`);
    return called(...args(frame));
  };
}

function indexed(base: Evaluate, index: Evaluate): Evaluate {
  return (frame) => {
    const table = base(frame);
    if (!(table instanceof LuaTable)) throw new LuaError(`attempt to index a ${typeOf(table)} value`);
    return table.get(index(frame));
  };
}

function unary(operator: string, argument: Evaluate): Evaluate {
  if (operator === 'not') return (frame) => !isTrue(argument(frame));
  if (operator === '-') return (frame) => -operand(argument(frame));
  if (operator === '#') return (frame) => length(argument(frame));
  return unsupported(`the operator ${operator}`);
}

function length(value: LuaValue): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof LuaTable) return value.toArray().length;
  throw new LuaError(`attempt to get length of a ${typeOf(value)} value`);
}

/** Arithmetic takes text that is a number for a number. */
function operand(value: LuaValue): number {
  const number = toNumber(value);
  if (number === undefined) throw new LuaError(`attempt to perform arithmetic on a ${typeOf(value)} value`);
  return number;
}

const ARITHMETIC: Readonly<Record<string, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
};

const COMPARISON: Readonly<Record<string, (left: number | string, right: number | string) => boolean>> = {
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

function binary(operator: string, left: Evaluate, right: Evaluate): Evaluate {
  if (operator === '==') return (frame) => left(frame) === right(frame);
  if (operator === '~=') return (frame) => left(frame) !== right(frame);
  if (operator === '..') return (frame) => joined(left(frame)) + joined(right(frame));
  const calculate = ARITHMETIC[operator];
  if (calculate) return (frame) => calculate(operand(left(frame)), operand(right(frame)));
  const compare = COMPARISON[operator];
  if (!compare) return unsupported(`the operator ${operator}`);
  return (frame) => {
    const [a, b] = [left(frame), right(frame)];
    // Unlike arithmetic it does not convert.
    if ((typeof a === 'number' && typeof b === 'number') || (typeof a === 'string' && typeof b === 'string'))
      return compare(a, b);
    throw new LuaError(`attempt to compare ${typeOf(a)} with ${typeOf(b)}`);
  };
}

function joined(value: LuaValue): string {
  if (typeof value === 'string' || typeof value === 'number') return toText(value);
  throw new LuaError(`attempt to concatenate a ${typeOf(value)} value`);
}
