import { patternOf } from './pattern.js';
import { LuaError, type LuaFunction, LuaTable, type LuaValue, toNumber, toText, typeOf } from './values.js';

const numberArgument = (value: LuaValue, where: string): number => {
  const number = toNumber(value);
  if (number === undefined)
    throw new LuaError(`bad argument to '${where}' (number expected, got ${typeOf(value)})`);
  return number;
};

const textArgument = (value: LuaValue, where: string): string => {
  if (typeof value === 'string' || typeof value === 'number') return toText(value);
  throw new LuaError(`bad argument to '${where}' (string expected, got ${typeOf(value)})`);
};

const math = LuaTable.ofObject({
  floor: (value) => [Math.floor(numberArgument(value, 'floor'))],
  max: (...values) => [Math.max(...values.map((value) => numberArgument(value, 'max')))],
  min: (...values) => [Math.min(...values.map((value) => numberArgument(value, 'min')))],
});

/** Only what can be said exactly: %s, %d and %.0f. */
const format: LuaFunction = (template, ...values) => {
  let next = 0;
  const text = textArgument(template, 'format').replace(/%(%|[\d.]*[a-z])/gi, (_all, spec: string) => {
    if (spec === '%') return '%';
    const value = values[next];
    next += 1;
    if (spec === 's') return toText(value);
    const number = numberArgument(value, 'format');
    if (spec === 'd') return Math.trunc(number).toFixed(0);
    if (spec === '.0f' && Number.isInteger(number)) return number.toFixed(0);
    throw new LuaError(`string.format with %${spec} of ${number} is not supported here`);
  });
  return [text];
};

const string = LuaTable.ofObject({
  format,
  find: (text, pattern, from, plain) => {
    if (plain === true) {
      const at = textArgument(text, 'find').indexOf(
        textArgument(pattern, 'find'),
        numberArgument(from, 'find') - 1,
      );
      return at < 0 ? [undefined] : [at + 1];
    }
    const found = patternOf(textArgument(pattern, 'find')).exec(textArgument(text, 'find'));
    return found ? [found.index + 1, found.index + found[0].length, ...found.slice(1)] : [undefined];
  },
  match: (text, pattern) => {
    const found = patternOf(textArgument(pattern, 'match')).exec(textArgument(text, 'match'));
    if (!found) return [undefined];
    return found.length > 1 ? found.slice(1) : [found[0]];
  },
});

/** What a script of ours may use of Lua's libraries; anything else is nil, and fails when it is called. */
export const library: Readonly<Record<string, LuaValue>> = {
  math,
  string,
  tonumber: (value) => [toNumber(value)],
  tostring: (value) => [toText(value)],
  type: (value) => [typeOf(value)],
};
