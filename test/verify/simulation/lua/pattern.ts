import { LuaError } from './values.js';

/** The character classes of Lua patterns, in the C locale, as the inside of a class of a regular expression. */
const CLASSES: Readonly<Record<string, string>> = {
  a: 'A-Za-z',
  d: '0-9',
  l: 'a-z',
  s: '\\t-\\r ',
  u: 'A-Z',
  w: 'A-Za-z0-9',
  x: 'A-Fa-f0-9',
};

const compiled = new Map<string, RegExp>();

/** A Lua pattern as a regular expression; throws for what has no counterpart (%b, %f, %1, position captures). */
export function patternOf(pattern: string): RegExp {
  let expression = compiled.get(pattern);
  if (!expression) compiled.set(pattern, (expression = new RegExp(translate(pattern), 's')));
  return expression;
}

function translate(pattern: string): string {
  let source = '';
  let inClass = false;
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern.charAt(at);
    if (char === '%') source += escaped(pattern.charAt((at += 1)), inClass);
    else if (inClass) {
      if (char === ']') inClass = false;
      source += char === '[' || char === '\\' ? `\\${char}` : char;
    } else if (char === '[') {
      inClass = true;
      source += char;
    } else if (char === '-') source += '*?';
    else if (char === '(' && pattern.charAt(at + 1) === ')') throw new LuaError('captures of positions');
    else if (char === '^' && at > 0) source += '\\^';
    else if (char === '$' && at < pattern.length - 1) source += '\\$';
    else source += /[\\{}|/]/.test(char) ? `\\${char}` : char;
  }
  return source;
}

function escaped(char: string, inClass: boolean): string {
  const known = CLASSES[char.toLowerCase()];
  if (/[a-z]/i.test(char)) {
    const negated = char !== char.toLowerCase();
    if (!known || (negated && inClass)) throw new LuaError(`the pattern %${char} is not supported here`);
    return inClass ? known : `[${negated ? '^' : ''}${known}]`;
  }
  if (!/[^\w\s]/.test(char)) throw new LuaError(`the pattern %${char} is not supported here`);
  return `\\${char}`;
}
