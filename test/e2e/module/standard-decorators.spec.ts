import { describe, expect, it } from 'vitest';
import {
  InvalidOptionsError,
  LeaderOnly,
  LockScope,
  OnDemoted,
  OnElected,
  Synchronized,
} from 'nestjs-coordination';

/** What a compiler gives a decorator that is not told that Nest's are legacy ones. */
function asStandard(decorator: unknown, kind: string, name: string): unknown {
  const context = { kind, name, addInitializer: () => undefined };
  return (decorator as (value: unknown, context: unknown) => unknown)(() => Promise.resolve(), context);
}

describe('a decorator that was compiled as a standard one', () => {
  it.each([
    ['@Synchronized', () => asStandard(Synchronized('share'), 'method', 'extend')],
    ['@LeaderOnly', () => asStandard(LeaderOnly('quota'), 'method', 'balance')],
    ['@OnElected', () => asStandard(OnElected('quota'), 'method', 'start')],
    ['@OnDemoted', () => asStandard(OnDemoted('quota'), 'method', 'end')],
    ['@LockScope', () => asStandard(LockScope('Shares'), 'class', 'Shares')],
  ])('%s says so in one line, and which setting it needs', (_name, decorate) => {
    expect(decorate).toThrow(InvalidOptionsError);
    expect(decorate).toThrow(
      /^[^\n]*compiled as a standard decorator[^\n]*"experimentalDecorators": true[^\n]*$/,
    );
  });
});
