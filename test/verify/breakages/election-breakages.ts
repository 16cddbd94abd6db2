import { type Breakage, simulation, spec } from './breakage.js';

const BEAT = 'lib/elections/leader-beat.ts';
const CANDIDACY = 'lib/elections/candidacy.ts';
const ELECTIONS = 'lib/elections/elections.ts';
const LEADERSHIP = 'lib/elections/leadership.ts';
const STANDING = 'lib/elections/standing.ts';
const HOSTS = 'lib/elections/decorators/election-hosts.ts';

const MEMORY = 'test/integration/memory/elections.spec.ts';
const UNIT = 'test/unit/elections.spec.ts';
const DECORATORS = 'test/e2e/elections/decorators.spec.ts';

/** Of elections: what others have shipped, and what would be as bad. */
export const ELECTION_BREAKAGES: readonly Breakage[] = [
  {
    name: 'leader known by its member id',
    wrong: 'of two processes with one agentId each takes the record of the other for its own',
    edits: [
      {
        file: CANDIDACY,
        find: 'there?.incarnation === this.context.manager.incarnation',
        replace: 'there?.memberId === this.context.manager.memberId',
      },
    ],
    foundBy: spec(MEMORY, 'two processes with one agentId are two'),
  },
  {
    name: 'flag that looks at no clock',
    wrong: 'a leader that was stopped believes that it leads until a timer tells it',
    edits: [
      { file: LEADERSHIP, find: 'this.check();\n    return this.#state', replace: 'return this.#state' },
    ],
    foundBy: simulation(1, 'exclusion: .* both held "election:quota"'),
  },
  {
    name: 'listeners told before the flag is off',
    wrong: 'a listener for the end of a term finds that this replica leads',
    edits: [
      {
        file: LEADERSHIP,
        find: "this.#state = 'demoted';\n    this.lease.askToEnd(why);\n    this.keeper.onDemoted(this, why);",
        replace:
          "this.keeper.onDemoted(this, why);\n    this.#state = 'demoted';\n    this.lease.askToEnd(why);",
      },
    ],
    foundBy: spec(MEMORY, 'the flag is off, and the signal aborted, before anybody is told'),
  },
  {
    name: 'demotion told before the signal',
    wrong: 'a listener for the end of a term that was lost runs before those of its signal',
    edits: [{ file: LEADERSHIP, find: '      await allListeners();\n', replace: '' }],
    foundBy: spec('test/unit/election-ends.spec.ts', 'a term that is broken by another member'),
  },
  {
    name: 'flag on while the release is under way',
    wrong: 'another replica leads while this one still believes that it does',
    edits: [
      {
        file: LEADERSHIP,
        find: "this.#demote(this.#ending('released', why));\n    const handedOver = this.#handOver();",
        replace:
          "const handedOver = this.#handOver();\n    void handedOver.finally(() => this.#demote(this.#ending('released', why)));",
      },
    ],
    foundBy: spec(MEMORY, 'the flag is off, and the signal aborted, before anybody is told'),
  },
  {
    name: 'lock released under work of the leader',
    wrong: 'the next leader begins while a method of the last one still runs',
    edits: [
      {
        file: LEADERSHIP,
        find: 'await this.#work.endsWithin(stopTimeout, clock)',
        replace: 'stopTimeout >= 0',
      },
    ],
    foundBy: spec(DECORATORS, 'a shutdown hands over only when the running body has ended'),
  },
  {
    name: 'late lease believed',
    wrong: 'a term begins whose lease was over when its record had been written',
    edits: [{ file: CANDIDACY, find: 'lease.held && commit()', replace: 'commit()' }],
    foundBy: spec(UNIT, 'is never on when the time is over before the record is written'),
  },
  {
    name: 'abandoned campaign won',
    wrong: 'a replica leads though everybody who wanted that has left',
    edits: [
      { file: CANDIDACY, find: 'lease.held && commit()', replace: '(lease.held && commit()) || lease.held' },
    ],
    foundBy: spec(UNIT, 'that everybody leaves in its last moment elects nobody'),
  },
  {
    name: 'early event lost',
    wrong: 'a listener that comes after the election is never told of the term',
    edits: [
      { file: ELECTIONS, find: "if (leadership) this.#call(leadership, listeners, 'elected');", replace: '' },
    ],
    foundBy: spec(DECORATORS, 'are told of a term that began before them'),
  },
  {
    name: 'object told twice',
    wrong: 'an object that is provided under two names is told twice of each term',
    edits: [{ file: HOSTS, find: '|| seen.has(instance)', replace: '' }],
    foundBy: spec(DECORATORS, 'tells an object once that is provided under two names'),
  },
  {
    name: 'campaign ends with the first term',
    wrong: 'a replica that has led once never does so again',
    edits: [
      {
        file: STANDING,
        find: "if (end === 'lost')",
        replace: "if (end === 'lost') return;\n      if (end === 'lost')",
      },
    ],
    foundBy: spec(DECORATORS, 'a body whose leadership is lost meanwhile rejects with LeaseLostError'),
  },
  {
    name: 'request of another term obeyed',
    wrong: 'a request that has ended one term ends the next ones too',
    edits: [
      {
        file: 'lib/elections/leader-records.ts',
        find: 'if (request?.version !== term) return undefined;',
        replace: 'if (!request) return undefined;',
      },
      {
        file: 'lib/elections/leader-records.ts',
        find: '      this.records.remove(REQUESTS, this.key, term),\n',
        replace: '',
      },
    ],
    foundBy: spec(MEMORY, 'a request for an earlier term is no request for this one'),
  },
  {
    name: 'later term ignored',
    wrong: 'a leader goes on though a later one stands in the record',
    edits: [{ file: BEAT, find: 'if (this.#written ||', replace: 'if (' }],
    foundBy: spec(MEMORY, 'a leader that sees a later term in the record leads no more'),
  },
  {
    name: 'record written after it was taken back',
    wrong: 'a replica that has resigned is shown as the leader until the ttl is over',
    edits: [
      {
        file: BEAT,
        find: 'this.#looking = this.#looking.then(() => records.remove(leader.term)).catch(() => undefined);',
        replace: 'this.#looking = records.remove(leader.term).catch(() => undefined);',
      },
    ],
    foundBy: spec(UNIT, 'takes the record back after a write that is under way'),
  },
  {
    name: 'campaign without the option looked at',
    wrong: 'a replica that is no candidate leads',
    edits: [{ file: HOSTS, find: 'if (!elections?.candidate) return;', replace: '' }],
    foundBy: spec(DECORATORS, 'stays out of the election on a replica that is no candidate'),
  },
];
