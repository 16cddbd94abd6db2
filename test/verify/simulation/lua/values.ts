/** A value of Lua 5.1: `undefined` is nil, and every number is a double. */
export type LuaValue = undefined | boolean | number | string | LuaTable | LuaFunction;

/** Takes and returns any number of values. */
export type LuaFunction = (...args: LuaValue[]) => readonly LuaValue[];

export class LuaTable {
  readonly #entries = new Map<LuaValue, LuaValue>();

  static ofArray(values: readonly LuaValue[]): LuaTable {
    const table = new LuaTable();
    for (const [index, value] of values.entries()) table.set(index + 1, value);
    return table;
  }

  static ofObject(values: Readonly<Record<string, LuaValue>>): LuaTable {
    const table = new LuaTable();
    for (const [key, value] of Object.entries(values)) table.set(key, value);
    return table;
  }

  get(key: LuaValue): LuaValue {
    return this.#entries.get(key);
  }

  set(key: LuaValue, value: LuaValue): void {
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, value);
  }

  /** The values at 1, 2 and so on, up to the first nil. */
  toArray(): LuaValue[] {
    const values: LuaValue[] = [];
    for (let value = this.get(1); value !== undefined; value = this.get(values.length + 1))
      values.push(value);
    return values;
  }
}

/** What `error` and wrong operations raise in a script. */
export class LuaError extends Error {}

export function isTrue(value: LuaValue): boolean {
  return value !== undefined && value !== false;
}

export function typeOf(value: LuaValue): string {
  if (value === undefined) return 'nil';
  return value instanceof LuaTable ? 'table' : typeof value;
}

/** As Lua's `tonumber` and its arithmetic read text: decimal or 0x, blanks around it allowed. */
export function toNumber(value: LuaValue): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || !/^\s*[-+]?(0x[\da-f]+|(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)\s*$/i.test(value))
    return undefined;
  const text = value.trim();
  return text.startsWith('-') ? -Number(text.slice(1)) : Number(text.replace(/^\+/, ''));
}

/** As C's `%.14g`, which is how Lua 5.1 writes a number. */
export function toText(value: LuaValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (value === undefined) return 'nil';
  if (typeof value !== 'number') throw new LuaError(`the text of a ${typeOf(value)} is its address`);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const [digits = '', exponent = '0'] = value.toExponential(13).split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 14) return withoutZeros(value.toFixed(Math.max(0, 13 - power)));
  const sign = power < 0 ? '-' : '+';
  return `${withoutZeros(digits)}e${sign}${String(Math.abs(power)).padStart(2, '0')}`;
}

function withoutZeros(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}
