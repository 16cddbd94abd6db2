import { describe, expect, it } from 'vitest';
import { LockNameError } from '../../lib/errors.js';
import { LockNameTemplate } from '../../lib/lock/name/lock-names.js';

/** mulberry32: the same templates in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const TEXTS = [
  'a',
  '-',
  ' ',
  '.',
  '[',
  ']',
  '<',
  '>',
  '{',
  '}',
  '<>',
  '}{',
  '!',
  ':',
  '0',
  'ï',
  '🔒',
  '\n',
  'this',
];
const NAMES = ['a', 'b1', '$', '_x', 'größe', 'constructor', '__proto__x', 'length'];
const KEYS = [...NAMES, '0', '17', ' ', 'a b', '<', '>', '}', '{', '[', '.', 'x.y', '!r', ':d', '-1', '🔒'];
const VALUES = ['v', '<n>', '{{', 0, -3, 2.5, true, false, 10n ** 20n];

interface Sample {
  readonly template: string;
  readonly data: Record<string, unknown>;
  readonly rendered: string;
}

/** Builds a template, the data it reads, and, without the parser, what it has to become. */
function sample(below: (n: number) => number): Sample {
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const data: Record<string, unknown> = {};
  let template = '';
  let rendered = '';
  for (let count = 1 + below(6), i = 0; i < count; i++) {
    if (below(2) === 0) {
      const text = one(TEXTS);
      template += text.replace(/[<>{}]/g, '$&$&');
      rendered += text;
      continue;
    }
    const root = `${one(NAMES)}${i}`;
    const value = one(VALUES);
    let field = root;
    let holder = data;
    let last = root;
    for (let depth = below(4); depth > 0; depth--) {
      const next: Record<string, unknown> = Object.create(below(2) === 0 ? null : Object.prototype);
      holder[last] = next;
      holder = next;
      const isKey = below(2) === 0;
      last = one(isKey ? KEYS : NAMES);
      field += isKey ? `[${last}]` : `.${last}`;
    }
    holder[last] = value;
    template += below(2) === 0 ? `<${field}>` : `{${field}}`;
    rendered += String(value);
  }
  return { template, data, rendered };
}

const SAMPLES = 2000;

describe('generated lock names', () => {
  it('render to what they were built from', () => {
    const below = randomNumbers(1);
    for (let i = 0; i < SAMPLES; i++) {
      const { template, data, rendered } = sample(below);
      const parsed = LockNameTemplate.parse(template);
      expect(
        parsed.render((root) => data[root], 'Fuzz.run'),
        template,
      ).toBe(rendered);
      expect([...parsed.roots], template).toEqual(Object.keys(data));
    }
  });

  it('never fail with anything but a one-line LockNameError, however broken', () => {
    const below = randomNumbers(2);
    const pieces = [
      ...TEXTS,
      ...NAMES,
      '<a',
      'a>',
      '<a>',
      '{a}',
      '[a]',
      '.a',
      '[',
      ']',
      '<<',
      '>>',
      '\ud800',
    ];
    const data: Record<string, unknown> = {
      a: { a: [1, 'x', null], b1: () => 1 },
      $: Symbol('x'),
      _x: Promise.resolve(),
    };
    const outcomes = { parsed: 0, rendered: 0, refused: 0 };
    for (let i = 0; i < 20_000; i++) {
      let template = '';
      for (let count = below(7); count >= 0; count--) template += pieces[below(pieces.length)] ?? '';
      try {
        const parsed = LockNameTemplate.parse(template);
        outcomes.parsed++;
        expect(parsed.render((root) => data[root], 'Fuzz.run')).not.toBe('');
        outcomes.rendered++;
      } catch (error) {
        outcomes.refused++;
        expect(error, JSON.stringify(template)).toBeInstanceOf(LockNameError);
        expect((error as LockNameError).message).toMatch(/^Lock name '.*[^\n]+$/);
      }
    }
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(500);
  });
});
