import { byLock } from './by-lock.js';
import type { History, Operation } from './history.js';
import { type Interval, isLinearizable, type Model } from './linearizability.js';
import { ms, type Violation } from './violation.js';

/** What the storage holds: a value, and the largest token that it has seen. */
interface Stored {
  readonly value: number;
  readonly floor: number;
}

/**
 * Storage that raises its floor at first contact, read or write, and refuses what is below. All registers begin with 0.
 */
const register: Model<Operation, Stored> = {
  initial: { value: 0, floor: -Infinity },
  key: ({ value, floor }) => `${value}/${floor}`,
  next(stored, { kind, outcome, value, token }) {
    const late = token !== undefined && token < stored.floor;
    // Without an answer: what it would have done now.
    if (outcome === 'unknown' ? late : outcome === 'refused') return late ? stored : undefined;
    if (late || (outcome === 'accepted' && kind === 'read' && value !== stored.value)) return undefined;
    return {
      value: kind === 'write' ? (value ?? 0) : stored.value,
      floor: Math.max(stored.floor, token ?? -Infinity),
    };
  },
};

/** A read and the write made from it, under one lease: to others it has to look like one step. */
interface Update {
  readonly read: number;
  readonly write: number;
  readonly known: boolean;
}

const updates: Model<Update, number> = {
  initial: 0,
  key: String,
  next: (value, { read, write, known }) => (value === read ? write : known ? undefined : value),
};

/**
 * The fenced storage has to be a linearizable register, and each read together with the write made from it a single
 * step of it: storage that takes a late write has the one, and not the other.
 */
export function judgeRegister({ operations }: Pick<History, 'operations'>): Violation[] {
  const fenced = operations.filter(({ storage }) => storage === 'fenced');
  return [...byLock(fenced)].flatMap(([lock, all]) => {
    const violations: Violation[] = [];
    const complain = (what: string): void => {
      violations.push({ judge: 'register', lock, message: `${what} of "${lock}" ${spanOf(all)}` });
    };
    if (!isLinearizable(all.filter(matters).map(asInterval), register))
      complain('No order explains the reads and writes');
    if (!isLinearizable(updatesOf(all), updates)) complain('No order explains the updates');
    return violations;
  });
}

/** A read whose answer nobody got tells nothing, but may have raised the floor. */
function matters({ kind, outcome, token }: Operation): boolean {
  return kind === 'write' || outcome !== 'unknown' || token !== undefined;
}

function asInterval(operation: Operation): Interval<Operation> {
  return { invoked: operation.invoked, returned: operation.returned, step: operation };
}

/** Each accepted or unanswered write, with the last read of the same lease before it. */
function updatesOf(operations: readonly Operation[]): Interval<Update>[] {
  const reads = new Map<string, Operation>();
  const intervals: Interval<Update>[] = [];
  for (const operation of [...operations].sort((a, b) => a.invoked - b.invoked)) {
    const { kind, outcome, value, worker, lease, returned } = operation;
    const key = lease ?? worker;
    if (kind === 'read' && outcome === 'accepted') reads.set(key, operation);
    const read = reads.get(key);
    if (kind === 'read' || outcome === 'refused' || read?.value === undefined || value === undefined)
      continue;
    const step = { read: read.value, write: value, known: outcome === 'accepted' };
    intervals.push({ invoked: read.invoked, returned, step });
  }
  return intervals;
}

function spanOf(operations: readonly Operation[]): string {
  const from = Math.min(...operations.map(({ invoked }) => invoked));
  return `(${operations.length} operations from ${ms(from)} on)`;
}
