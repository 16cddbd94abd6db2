import { types } from 'node:util';
import { classNameOf } from './class-name.js';
import type { Fail, Field, Step } from './parser.js';

const NEEDED =
  'a lock name needs a non-empty string, a finite number, a bigint, a boolean, a date, or an object whose class has a toString of its own';

/**
 * Follows a field from the value of its root and gives its text.
 * A text that unrelated values share, such as `undefined` or `[object Object]`, fails.
 */
export function fieldText(field: Field, root: unknown, fail: Fail): string {
  let value = root;
  for (const step of field.steps) value = readStep(value, step, fail);
  switch (typeof value) {
    case 'string':
      return value === '' ? fail(`${field.text} is an empty string; ${NEEDED}`) : value;
    case 'number':
      return Number.isFinite(value) ? String(value) : fail(`${field.text} is ${value}; ${NEEDED}`);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? fail(`${field.text} is null; ${NEEDED}`) : objectText(field, value, fail);
    default:
      return fail(`${field.text} is ${nature(value)}; ${NEEDED}`);
  }
}

/**
 * The text of an object that stands for one value, as ObjectId, UUID, Decimal, URL or Temporal do: its class has a `toString` of its
 * own. A date gives its ISO text, which is the same in every time zone.
 */
function objectText(field: Field, value: object, fail: Fail): string {
  const refuse = (advice: string): never => fail(`${field.text} is ${nature(value)}; ${advice}`);
  if (isThenable(value)) return refuse('await it before the call');
  if (Array.isArray(value))
    return refuse(`choose one of its elements, as in '<${field.text}[0]>', or join them in a key function`);
  if (ArrayBuffer.isView(value)) return refuse("give its text, as by toString('hex'), in a key function");
  // A date of another realm counts too, as tests have them.
  if (types.isDate(value))
    return Number.isNaN(value.getTime()) ? refuse('give a valid date') : value.toISOString();
  const toText: unknown = Reflect.get(value, 'toString');
  if (typeof toText !== 'function' || toText === Object.prototype.toString || isError(value))
    return refuse(
      `${NEEDED}; name one of its fields, as in '<${field.text}.id>', or make the name in a key function`,
    );
  const text: unknown = Reflect.apply(toText, value, []);
  if (typeof text !== 'string' || text === '') return refuse(`its toString gives no text; ${NEEDED}`);
  // Text for people does not name the object: a document of Mongoose shows all that it has.
  if (/^\[object |^\{[ "]|[\n\r]/.test(text))
    return refuse(`its toString does not name it; name one of its fields, as in '<${field.text}.id>'`);
  return text;
}

/** Also one of another realm, a DOMException, or one of a class that does not call `super`. */
function isError(value: object): boolean {
  return value instanceof Error || types.isNativeError(value);
}

/**
 * Objects give their own and inherited properties for attributes and keys alike, so that getters of a class count;
 * a key of a Map reads its entries alone. Strings and functions are not read: a lock that is named after the length of
 * a text is a mistake. Only the name of a constructor is.
 */
function readStep(holder: unknown, step: Step, fail: Fail): unknown {
  if (typeof holder === 'function' && isClassName(step)) return classNameOf(holder, fail);
  if (typeof holder !== 'object' || holder === null) {
    return fail(
      `${step.text} cannot be read, because ${step.holder} is ${nature(holder)}; only objects have fields`,
    );
  }
  if (holder instanceof Promise) return failForPromise(step, fail);
  if (step.kind === 'key' && holder instanceof Map) return readEntry(holder, step, fail);
  const value: unknown = Reflect.get(holder, step.name);
  if (value !== undefined) return value;
  if (isThenable(holder)) return failForPromise(step, fail);
  return Reflect.has(holder, step.name) ? undefined : fail(`${step.text} is missing; ${NEEDED}`);
}

/** Whether the step reads the name of the object's own class. */
export function isClassName({ name, holder }: Step): boolean {
  return name === 'name' && holder === 'this.constructor';
}

/** `[7]` finds the key '7' and, where that is missing, 7. */
function readEntry(map: ReadonlyMap<unknown, unknown>, step: Step, fail: Fail): unknown {
  if (map.has(step.name)) return map.get(step.name);
  const number = Number(step.name);
  if (String(number) === step.name && map.has(number)) return map.get(number);
  return fail(`${step.text} is missing; ${NEEDED}`);
}

function failForPromise(step: Step, fail: Fail): never {
  return fail(`${step.text} cannot be read, because ${step.holder} is a promise; await it before the call`);
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'then') === 'function';
}

function nature(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (isThenable(value)) return 'a promise';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
