import type { Fail, Field, Step } from './lock-name-parser.js';

const NEEDED = 'a lock name needs a non-empty string, a finite number, a bigint or a boolean';

/**
 * Follows a field from the value of its root and gives its text.
 * What could be shared by strangers, such as `undefined` or `[object Object]`, fails.
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
    default:
      return fail(
        `${field.text} is ${nature(value)}; ${isThenable(value) ? 'await it before the call' : NEEDED}`,
      );
  }
}

/**
 * Objects give their own and inherited properties for attributes and keys alike, so that getters of a class count;
 * a key of a Map reads its entries alone. Strings and functions are not read: a lock that is named after the length of
 * a text or the name of a constructor is a mistake.
 */
function readStep(holder: unknown, step: Step, fail: Fail): unknown {
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
