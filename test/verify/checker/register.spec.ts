import { describe, expect, it } from 'vitest';
import { operation } from './fixtures.js';
import type { Operation } from './history.js';
import { judgeRegister } from './register.js';

const judge = (...operations: Operation[]): string[] =>
  judgeRegister({ operations }).map(({ message }) => message);

const a = { lease: 'a', token: 5 };
const b = { lease: 'b', token: 6 };

describe('the judge of the fenced register', () => {
  it('is content with updates one after the other', () => {
    expect(
      judge(
        operation('read', 0, [0, 1], a),
        operation('write', 1, [2, 3], a),
        operation('read', 1, [4, 5], b),
        operation('write', 2, [6, 7], b),
      ),
    ).toEqual([]);
  });

  it('is content when the late writer is refused', () => {
    expect(
      judge(
        operation('read', 0, [0, 1], a),
        operation('read', 0, [2, 3], b),
        operation('write', 1, [4, 5], { ...a, outcome: 'refused' }),
        operation('write', 1, [6, 7], b),
      ),
    ).toEqual([]);
  });

  it('finds storage that raises its floor on writes only', () => {
    const found = judge(
      operation('read', 0, [0, 1], a),
      operation('read', 0, [2, 3], b),
      operation('write', 1, [4, 5], a),
      operation('write', 1, [6, 7], b),
    );
    expect(found).toHaveLength(2);
    expect(found[1]).toContain('No order explains the updates');
  });

  it('finds a refusal without a reason', () => {
    expect(
      judge(operation('read', 0, [0, 1], b), operation('write', 1, [2, 3], { ...b, outcome: 'refused' })),
    ).toHaveLength(1);
  });

  it('finds a stale read', () => {
    expect(judge(operation('write', 1, [0, 1], a), operation('read', 0, [2, 3], b))).toHaveLength(1);
  });

  it('lets the write of a killed holder happen late, or never', () => {
    const killed = [operation('read', 0, [0, 1], a), operation('write', 1, [2, Infinity], a)];
    expect(judge(...killed, operation('read', 1, [4, 5], b))).toEqual([]);
    expect(judge(...killed, operation('read', 0, [4, 5], b), operation('write', 1, [6, 7], b))).toEqual([]);
    expect(judge(...killed, operation('read', 0, [4, 5], b), operation('read', 1, [6, 7], b))).toHaveLength(
      1,
    );
  });

  it('finds updates that overwrite each other where nothing is fenced off', () => {
    expect(
      judge(
        operation('read', 0, [0, 1], { lease: 'a' }),
        operation('read', 0, [2, 3], { lease: 'b' }),
        operation('write', 1, [4, 5], { lease: 'a' }),
        operation('write', 1, [6, 7], { lease: 'b' }),
      ),
    ).toEqual([expect.stringContaining('No order explains the updates')]);
  });

  it('leaves the control alone', () => {
    expect(judge(operation('read', 9, [0, 1], { storage: 'control' }))).toEqual([]);
  });
});
