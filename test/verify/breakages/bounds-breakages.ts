import { type Breakage, simulation, spec } from './breakage.js';

const DEADLINE = 'lib/lock/lease/deadline.ts';
const BOUNDED = 'lib/lock/lease/bounded-lease.ts';
const HOLDING = 'lib/lock/lease-holding.ts';
const COLLECTION = 'lib/lock/several/collection.ts';
const TAKE = 'lib/lock/several/take.ts';
const LOOP = 'lib/lock/acquire/acquire-loop.ts';

const SEVERAL_NAMES = 'test/unit/several-names.spec.ts';
const TIME_BOUNDS = 'test/unit/time-bounds.spec.ts';

/** Of locks that are held for a bounded time, of several that are taken together, and of re-entrant calls. */
export const BOUNDS_BREAKAGES: readonly Breakage[] = [
  {
    name: 'keys taken unsorted',
    wrong: 'two calls with the same names in opposite orders wait for each other',
    edits: [{ file: TAKE, find: '\n    .sort((a, b) => Buffer.compare(a.bytes, b.bytes));', replace: ';' }],
    foundBy: spec(SEVERAL_NAMES, 'takes them in the order of their keys'),
  },
  {
    name: 'the rest kept when one is refused',
    wrong: 'a call that did not get all of its locks keeps those that it got',
    edits: [
      {
        file: COLLECTION,
        find: '    await this.#giveBackAll();\n    return { ...result',
        replace: '    return { ...result',
      },
    ],
    foundBy: spec(SEVERAL_NAMES, 'holds none when one is taken, and says which'),
  },
  {
    name: 'kept while it waits for another one',
    wrong: 'a call that waits for one lock keeps the others from everybody for as long',
    edits: [{ file: COLLECTION, find: '      this.#givingBack = this.#giveBackAll();\n', replace: '' }],
    foundBy: spec(SEVERAL_NAMES, 'keeps the others for a bounded time, and its place'),
  },
  {
    name: 'a lost part overlooked',
    wrong: 'a lease on several locks goes on when one of them is lost, and another caller has that one',
    edits: [
      {
        file: 'lib/lock/several/joint-lease.ts',
        find: 'if (!lost || this.givenBack) return;',
        replace: 'if (lost) return;',
      },
    ],
    foundBy: simulation(1, 'exclusion'),
  },
  {
    name: 'lockDelay forgotten',
    wrong: 'the next holder begins as soon as the lease of a dead one is over',
    edits: [{ file: DEADLINE, find: 'ttl + bounds.lockDelay', replace: 'ttl' }],
    foundBy: simulation(1, 'bounds: .* came before the lockDelay'),
  },
  {
    name: 'minHold forgotten by a crash',
    wrong: 'the back end keeps the lock of a holder that dies for its ttl alone',
    edits: [{ file: DEADLINE, find: 'Math.ceil(bounds.minHold - held)', replace: '0' }],
    foundBy: simulation(1, 'bounds: .* came before the minHold'),
  },
  {
    name: 'minHold forgotten by a release',
    wrong: 'a lock is free as soon as it is given back',
    edits: [
      {
        file: HOLDING,
        find: '    if (keepFor > 0) return driver.locks.release(lease.grant, keepFor);\n',
        replace: '',
      },
    ],
    foundBy: simulation(1, 'bounds: .* came before the minHold'),
  },
  {
    name: 'maxHold forgotten',
    wrong: 'a lease goes on for as long as it is renewed',
    edits: [{ file: BOUNDED, find: 'if (this.#cap.over)', replace: 'if (false)' }],
    foundBy: simulation(1, 'bounds: .* above its maxHold'),
  },
  {
    name: 'begun under a part of the validity',
    wrong: 'a waiter that dies right after it was woken leaves its lock without its lockDelay',
    edits: [
      { file: LOOP, find: 'bounds ? wholly(reply, claim, driver.locks, clock) : reply', replace: 'reply' },
    ],
    foundBy: spec(TIME_BOUNDS, 'does not begin under a grant that the back end keeps for less'),
  },
  {
    name: 're-entered after the end',
    wrong: 'work that has outlived its lock runs as if it held it',
    edits: [
      {
        file: 'lib/lock/several/enter-context.ts',
        find: 'contexts.find(({ lease }) => lease.held)',
        replace: 'contexts[0]',
      },
    ],
    foundBy: spec('test/unit/reentrant.spec.ts', 'is refused from work that has outlived the lease'),
  },
];
