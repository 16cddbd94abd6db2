import { type Breakage, simulation, spec } from './breakage.js';

const ACQUIRE_LOOP = 'lib/lock/acquire/acquire-loop.ts';
const DEADLINE = 'lib/lock/lease/deadline.ts';
const HEARTBEAT = 'lib/lock/renewal/heartbeat.ts';
const LEASE = 'lib/lock/lease/lease-life.ts';
const HAND_OFF = 'lib/lock/acquire/grant-hand-off.ts';

const MAX_ELAPSED = 'return Math.max(now - this.#start.monotonic, clock.wall() - this.#start.wall);';

/** Of leases, their deadlines and their waiters: what is the same on every back end. */
export const LEASE_BREAKAGES: readonly Breakage[] = [
  {
    name: 'late grant used',
    wrong: 'a grant that arrives after its own deadline becomes a lease, and nothing is given back',
    edits: [
      {
        file: ACQUIRE_LOOP,
        find: 'if (!end.over && !waitLimit.cancelled',
        replace: 'if (!waitLimit.cancelled',
      },
    ],
    foundBy: simulation(1, 'stall: .* lease was over when it was granted'),
  },
  {
    name: 'deadline counted from the reply',
    wrong: 'the time that the request and the reply took is added to the lease',
    edits: [
      {
        file: ACQUIRE_LOOP,
        find: 'term.since) : deadline;',
        replace: 'term.since) : Deadline.ofLease(clock, this.context.claim.ttl);',
      },
    ],
    foundBy: simulation(1, 'exclusion|token order'),
  },
  {
    name: 'renewed deadline counted from the reply',
    wrong: 'the time that a renewal took is added to the lease',
    edits: [
      {
        file: HEARTBEAT,
        find: 'lease.extend(deadline);',
        replace: 'lease.extend(Deadline.ofLease(this.clock, lease.ttl));',
      },
    ],
    foundBy: spec('test/unit/deadline.spec.ts', 'counts from before the renewal was sent'),
  },
  {
    name: 'renewal after release',
    wrong: 'a lease whose release was not confirmed is renewed for ever',
    edits: [
      { file: HEARTBEAT, find: '    renewal.leave();\n', replace: '' },
      { file: HEARTBEAT, find: '.filter(({ lease }) => lease.held);', replace: ';' },
    ],
    foundBy: simulation(1, 'stall: .* renewal was sent after the release'),
  },
  {
    name: 'denied renewal taken for a success',
    wrong: 'a holder whose lease is gone goes on with a new deadline',
    edits: [
      {
        file: HEARTBEAT,
        find: "if (outcome.kind === 'lost') lease.lose(outcome.loss);\n      else if (outcome.kind === 'renewed') {",
        replace: "if (outcome.kind !== 'failed') {",
      },
    ],
    foundBy: simulation(1, 'exclusion|token order', 4000),
  },
  {
    name: 'late renewal revives a lost lease',
    wrong: 'what has seen the loss, and what has not, disagree about one lease',
    edits: [
      {
        file: LEASE,
        find: '    if (!this.held) return;\n    this.#deadline = deadline;',
        replace: "    this.#state = 'held';\n    this.#deadline = deadline;",
      },
    ],
    foundBy: spec(
      'test/unit/renewal.spec.ts',
      'does not revive a lease whose deadline nobody has looked at yet',
    ),
  },
  {
    name: 'no try after the subscription',
    wrong: 'a release between the try and the subscription wakes no waiter',
    edits: [{ file: ACQUIRE_LOOP, find: 'this.#sleep(pause, ready)', replace: 'this.#sleep(pause)' }],
    foundBy: spec('test/unit/waiting.spec.ts', 'tries again once wake-ups can no longer be missed'),
  },
  {
    name: 'no look at the queue after the listeners',
    wrong: 'a call whose listener ends the lease before it waits in a queue that no call leaves any more',
    edits: [
      {
        file: 'lib/lock/acquire/acquirer.ts',
        find: 'return queue.tryEnter() || waitLimit.wait(',
        replace: 'return waitLimit.wait(',
      },
    ],
    foundBy: spec('test/unit/waiting.spec.ts', 'keeps the call from no lock that is free now'),
  },
  {
    name: 'waiter does not leave its queue',
    wrong: 'the place of a caller that has gone is kept for it, and no other one gets the lock after it',
    edits: [
      {
        file: 'lib/lock/acquire/local-queue.ts',
        find: '      waiters.delete(waiter);\n',
        replace: '',
      },
    ],
    foundBy: simulation(1, 'stall: .* was free'),
  },
  {
    name: 'crossed grant kept',
    wrong: 'a grant that comes when its caller has gone blocks the lock for a ttl',
    edits: [
      {
        file: ACQUIRE_LOOP,
        find: 'if (reply.granted) await this.context.driver.locks.release(reply.grant);',
        replace: 'void reply;',
      },
    ],
    foundBy: simulation(1, 'stall: .* was free'),
  },
  {
    name: 'signal follows its timer only',
    wrong: 'the first look after a stop or a blocked event loop sees a lease that is over',
    edits: [
      {
        file: LEASE,
        find: '    // Newer versions of Node derive signals without reading `aborted`.\n    this.check();\n',
        replace: '',
      },
      {
        file: LEASE,
        find: 'new LeaseSignal(() => this.check())',
        replace: 'new LeaseSignal(() => undefined)',
      },
    ],
    foundBy: simulation(1, 'exclusion|token order'),
  },
  {
    name: 'deadline on the monotonic clock only',
    wrong: 'a machine that slept wakes with its leases',
    edits: [
      {
        file: DEADLINE,
        find: MAX_ELAPSED,
        replace: 'return now - this.#start.monotonic;',
      },
    ],
    foundBy: simulation(1, 'exclusion|token order'),
  },
  {
    name: 'deadline on the wall clock only',
    wrong: 'a clock that is set back keeps a lease that is over',
    edits: [
      {
        file: DEADLINE,
        find: MAX_ELAPSED,
        replace: 'return clock.wall() - this.#start.wall;',
      },
    ],
    foundBy: spec(
      'test/unit/deadline.spec.ts',
      'believes the monotonic clock when the wall clock steps back',
    ),
  },
  {
    name: 'no drift subtracted',
    wrong: 'a node whose clock is a little faster frees the key before the holder knows',
    edits: [
      {
        file: DEADLINE,
        find: 'return ttl - Math.round(ttl * DRIFT_FACTOR) - DRIFT_CONSTANT;',
        replace: 'return ttl;',
      },
    ],
    foundBy: spec('test/unit/deadline.spec.ts', 'leaves 1 % of the ttl and 2 ms for the drift of clocks'),
  },
  {
    name: 'handed on for ever',
    wrong: 'a replica with enough waiters keeps all others out',
    edits: [
      { file: HAND_OFF, find: ' && this.#clock.monotonic() < until', replace: '' },
      { file: HAND_OFF, find: 'this.#left > 0 && ', replace: '' },
    ],
    foundBy: spec('test/unit/handing-on.spec.ts', 'so that other processes get their turn'),
  },
  {
    name: 'handed on whatever has happened meanwhile',
    wrong: 'the lock was broken, and the next holder is there with a larger token',
    edits: [{ file: HAND_OFF, find: ' && deadline.age < usableTime(TRUSTED_MS)', replace: '' }],
    foundBy: spec('test/unit/handing-on.spec.ts', 'had it been broken since it was asked for'),
  },
  {
    name: 'tokens of those that follow not reserved',
    wrong: 'the next process gets the tokens that were handed on in the one before',
    edits: [{ file: HAND_OFF, find: 'return this.#handsOn ? MOST_LEASES : 1;', replace: 'return 1;' }],
    foundBy: simulation(1, 'token order|token repeated'),
  },
];
