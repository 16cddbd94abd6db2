import { type Breakage, simulation, spec } from './breakage.js';

const JOB = 'lib/runs/job.ts';
const VERDICT = 'lib/runs/verdict.ts';
const OCCASION = 'lib/runs/occasion.ts';
const RECORD = 'lib/runs/run-record.ts';
const RECORDS = 'lib/drivers/redis/records/redis-records.ts';
const JOB_SPEC = 'test/unit/runs/job.spec.ts';
const CUT_SHORT = 'test/unit/runs/cut-short.spec.ts';
const SCENARIOS = 'test/unit/runs/run-scenarios.spec.ts';
const VECTORS = 'runs and skips as the vectors have it';

/** Of jobs that run once per tick, and of what is done once. */
export const JOB_BREAKAGES: readonly Breakage[] = [
  {
    name: 'a tick compared for equality',
    wrong: 'a tick before the last one runs, when a replica comes whose clock is behind',
    edits: [
      {
        file: OCCASION,
        find: 'tick <= record.tick || (follows(record.tick) ?? tick) > tick',
        replace: 'tick === record.tick',
      },
    ],
    foundBy: spec(SCENARIOS, VECTORS),
  },
  {
    name: 'no second look under the lock',
    wrong: 'a replica that waited for the lock runs a tick that has ended meanwhile',
    edits: [
      {
        file: JOB,
        find: "    if (verdict === 'done' && !repeats) return this.#skip(manager, asked, 'done');\n",
        replace: '',
      },
    ],
    foundBy: spec(JOB_SPEC, 'is not run once more when it has ended'),
  },
  {
    name: 'one version for start and outcome',
    wrong: 'the outcome of a run is refused by its own start',
    edits: [{ file: RECORD, find: '2 * token : 2 * token + 1', replace: '2 * token : 2 * token' }],
    foundBy: spec(JOB_SPEC, 'keeps as many earlier runs as it is asked to'),
  },
  {
    name: 'a run repeated for ever',
    wrong: 'a run that kills its replica is repeated by one replica after the other',
    edits: [{ file: VERDICT, find: 'const MOST_ATTEMPTS = 2;', replace: 'const MOST_ATTEMPTS = 99;' }],
    foundBy: spec(JOB_SPEC, 'is run once more by a replica that waited for it'),
  },
  {
    name: 'a repeated run that nobody asked for',
    wrong: "a tick whose runner was killed runs again though onCrash is 'skip'",
    edits: [
      {
        file: VERDICT,
        find: "return onCrash === 'rerun' && record.attempt < MOST_ATTEMPTS;",
        replace: 'return record.attempt < MOST_ATTEMPTS;',
      },
    ],
    foundBy: spec(JOB_SPEC, 'spends its tick; the next tick runs'),
  },
  {
    name: 'a period without a tolerance',
    wrong: 'a job with every is missed by each timer that is a moment early',
    edits: [
      { file: OCCASION, find: 'untilDue(period, run) > tolerance', replace: 'untilDue(period, run) > 0' },
    ],
    foundBy: spec(JOB_SPEC, 'with a period runs when nearly so much time has passed'),
  },
  {
    name: 'a period counted from the end',
    wrong: 'the time that a run took is added to its period',
    edits: [
      {
        file: RECORD,
        find: 'record.life - stored.remaining + record.sinceStart',
        replace: 'record.life - stored.remaining',
      },
    ],
    foundBy: spec(JOB_SPEC, 'with a period runs when nearly so much time has passed'),
  },
  {
    name: 'a lost run taken for a success',
    wrong: 'a run whose lease was lost while it ran is told as one that succeeded',
    edits: [
      {
        file: 'lib/runs/claim.ts',
        find: "state: this.lease.lost ? 'lost' : outcome,",
        replace: 'state: outcome,',
      },
    ],
    foundBy: spec(CUT_SHORT, 'nor when its body has succeeded'),
  },
  {
    name: 'a clock that is far ahead believed',
    wrong: 'a replica whose clock is years ahead runs the job, and no replica runs it again before that time',
    edits: [{ file: VERDICT, find: 'return byClock && tick > at + maxSkew;', replace: 'return false;' }],
    foundBy: spec(
      'test/integration/redis/jobs.spec.ts',
      'are left alone by a replica whose clock is years ahead',
    ),
  },
  {
    name: 'a repeated hour taken for two ticks',
    wrong: 'a replica that looks for its tick in the second of two equal hours finds another one',
    edits: [
      {
        file: 'lib/run-once/schedule/cron-ticks.ts',
        find: 'return before !== undefined && (this.after(before) ?? time) > time ? before : tick;',
        replace: 'return tick;',
      },
    ],
    foundBy: spec('test/unit/runs/cron-ticks.spec.ts', 'DOUBLE hour'),
  },
  {
    name: 'a call by the scheduler taken for one by hand',
    wrong: 'a job that is added while the application runs has no ticks, and runs on every replica',
    edits: [
      {
        file: 'lib/run-once/schedule/scheduler-link.ts',
        find: 'calling.run(job, () => fireOnTick(...args));',
        replace: 'fireOnTick(...args);',
      },
    ],
    foundBy: spec(
      'test/e2e/runs/run-once.spec.ts',
      'runs a job that is registered while the application runs',
    ),
  },
  {
    name: 'a record read from the first node that answers',
    wrong: 'a node that was away when the start was written knows nothing of it, and the tick runs again',
    edits: [
      {
        file: RECORDS,
        find: '(some) => agreeing(some as readonly Found[], newest(some as readonly Found[])) >= quorum,',
        replace: '(some) => some.length > 0,',
      },
    ],
    foundBy: simulation(1, 'record went back|tick repeated'),
  },
  {
    name: 'a record stored on the first node that answers',
    wrong:
      'the start of a run is on one node of three, and the replica that asks the other two runs the tick again',
    edits: [
      {
        file: RECORDS,
        find: '(some) => (some as readonly Found[]).filter(isOurs).length >= quorum,',
        replace: '(some) => (some as readonly Found[]).some(isOurs),',
      },
    ],
    foundBy: simulation(1, 'record went back|tick repeated'),
  },
  {
    name: 'a tick left to a replica that was killed',
    wrong: 'replicas in each other’s way, or one that was killed before it could begin, make all skip a tick',
    edits: [
      {
        file: JOB,
        find: "if (verdict === 'done' || stored?.record.state === 'started')",
        replace: 'if (verdict)',
      },
    ],
    foundBy: simulation(1, 'tick missed'),
  },
  {
    name: 'done by each that waited',
    wrong: 'replicas that waited for what is to be done once do it one after the other',
    edits: [
      {
        file: 'lib/runs/once.ts',
        find: '      if (this.#isOver(stored)) return false;\n',
        replace: '',
      },
    ],
    foundBy: spec('test/e2e/runs/once.spec.ts', 'does it once over all replicas'),
  },
];
