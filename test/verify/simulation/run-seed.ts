import {
  type History,
  judgeBounds,
  judgeExclusion,
  judgeJobs,
  judgeLeftovers,
  judgeOrder,
  judgeRegister,
  judgeStalls,
  judgeTokens,
  judgeUpdates,
  type Leftover,
  readHistory,
  type StallLimits,
  type TokenOrder,
  type Violation,
} from '../checker/index.js';
import { brokenBy } from './assumptions.js';
import { type Campaign, drawScenario, type Scenario } from './scenario.js';
import { MOVED } from './mover.js';
import { judgeStates } from './promises.js';
import { Random } from './random.js';
import { Simulation } from './simulation.js';

/** Longer than every try, and every time-out, that a call may be in the middle of when its time is over, ms. */
const SLACK = 3000;
/** When nothing goes wrong, a waiter is woken, and does not look by itself. */
const LONGEST_IDLE = 300;
/** What is meant to stay for a while: what nodes know of themselves, and the counters of the fencing tokens. */
const STAYS = /^coordination:(node|fence:)/;
/** What is known of jobs stays for 90 days after their last runs. */
const RUNS = /^coordination:records?:\{runs\}/;
const LIFE_OF_RUNS = 90;
/** What somebody has to give back, though it has a ttl. */
const FORGOTTEN = /^coordination:(lock:|record)/;
/** A process does nothing meanwhile. */
const STOPS = /^(process stopped|machine asleep)/;
const DAY = 86_400_000;
/** What jobs draw from is nothing that anything else draws from. */
const JOBS = 0x2c1b3c6d;

export interface SeedResult {
  readonly history: History;
  readonly violations: readonly Violation[];
  /** The same seed gives the same one. */
  readonly hash: () => string;
  /** Everything that happened, one record a line. */
  readonly lines: () => string;
}

/** @throws Error when the scenario breaks an assumption that its campaign is inside of */
export async function runSeed(seed: number, campaign: Campaign): Promise<SeedResult> {
  const random = new Random(seed * 2 + campaign);
  const number = seed * 2 + campaign;
  const scenario = drawScenario(
    random,
    campaign,
    new Random(-number),
    new Random(~number ^ JOBS),
    new Random(-number - 1e9),
  );
  const simulation = new Simulation(scenario, random);
  const drained = await simulation.run();
  const broken = brokenBy(simulation.whatHappened());
  if (broken.tokens.length > 0)
    throw new Error(`Seed ${seed}: outside of what tokens assume: ${broken.tokens.join()}`);
  if (campaign === 1 && broken.exclusion.length > 0)
    throw new Error(`Seed ${seed}: outside of campaign 1: ${broken.exclusion.join()}`);
  const { journal } = simulation;
  const history = readHistory(journal.records);
  const overlaps = judgeExclusion(history);
  const inside = broken.exclusion.length === 0;
  const violations = [
    ...(inside ? overlaps : []),
    ...(inside ? judgeStates(history) : []),
    ...(inside ? judgeBounds(history) : []),
    ...judgeTokens(history, tokenOrders(history, inside)),
    ...judgeRegister(history),
    ...judgeUpdates(history),
    ...judgeOrder(history),
    ...(inside && scenario.jobs && simulation.keepsRecords
      ? judgeJobs(history, { onCrash: scenario.jobs.onCrash, ttl: scenario.ttls[0] as number })
      : []),
    ...judgeStalls(history, stallLimits(simulation)),
    ...idleStalls(history, scenario, simulation),
    ...judgeLeftovers(leftovers(simulation, drained), DAY, staysFor),
  ];
  const states = new Map(history.states);
  const note = (name: string, count: number): void => {
    if (count > 0) states.set(name, count);
  };
  for (const what of ['joined', 'granted', 'left', 'passed over'])
    note(`queue: ${what}`, history.queues.filter((event) => event.what === what).length);
  note('exclusion broken outside its assumptions', inside ? 0 : overlaps.length);
  note('late holder beside the next one', lateHolders(history));
  return {
    history: { ...history, states },
    violations,
    hash: () => journal.hash(),
    lines: () => journal.lines(),
  };
}

/** @param inside of what exclusion assumes */
function tokenOrders({ faults }: History, inside: boolean): TokenOrder[] {
  if (!inside) return ['asked'];
  return faults.some(({ kind }) => STOPS.test(kind)) ? ['asked', 'belief'] : ['asked', 'belief', 'begun'];
}

function stallLimits({ end, longestPause, world }: Simulation): StallLimits {
  return {
    slack: SLACK + longestPause,
    end: world.now,
    longestHold: world.now - end,
  };
}

/** A lock that is taken with others, or kept after a release, is free and not to be had. */
function idleStalls(history: History, scenario: Scenario, simulation: Simulation): Violation[] {
  if (!scenario.calm) return [];
  const alone = ({ lock }: { readonly lock: string }): boolean => !MOVED.includes(lock);
  const { calls, leases } = history;
  const limits = { ...stallLimits(simulation), longestIdle: LONGEST_IDLE };
  return judgeStalls({ ...history, calls: calls.filter(alone), leases: leases.filter(alone) }, limits).filter(
    ({ message }) => message.includes('was free from'),
  );
}

/** When everybody has left and every lease has run out. */
function leftovers({ nodes, members, world }: Simulation, drained: boolean): Leftover[] {
  const keys = nodes.flatMap((node) => {
    node.now = Math.max(node.now, world.now);
    return node.keyspace.keys().map((name) => {
      const ttl = node.keyspace.ttl(name) ?? 0;
      const forgotten = FORGOTTEN.test(name) && !RUNS.test(name);
      return { what: `key on ${node.name}`, name, ttl: ttl === Infinity || forgotten ? undefined : ttl };
    });
  });
  return drained ? keys : [...keys, { what: 'timers', name: `of ${members.length} processes` }];
}

function staysFor({ name, ttl = Infinity }: Leftover): boolean {
  return RUNS.test(name) ? ttl <= LIFE_OF_RUNS * DAY : STAYS.test(name);
}

/** Leases whose holder still worked, or was stopped, when the next one was granted. */
function lateHolders({ leases, gone }: History): number {
  return leases.filter((lease) => {
    const end =
      lease.ending?.type === 'released' ? lease.ending.called : (lease.ending?.at ?? gone.get(lease.worker));
    return leases.some(
      (other) =>
        other.lock === lease.lock && other.granted > lease.granted && other.granted < (end ?? Infinity),
    );
  }).length;
}
