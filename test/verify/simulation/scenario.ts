import type { JobPlan } from './job-runner.js';
import { LocalTime } from './local-time.js';
import type { Pauses } from './member.js';
import type { Latency } from './network.js';
import { Random } from './random.js';

export type Campaign = 1 | 2;

/**
 * What a run is made of, drawn from its seed. Campaign 1 stays inside the assumptions of the promises, campaign 2 does
 * not; whether a run was inside is computed again from what happened.
 */
export interface Scenario {
  /** Nothing goes wrong. */
  readonly calm: boolean;
  readonly nodes: readonly LocalTime[];
  readonly change: ChangeOfNodes | undefined;
  readonly members: number;
  /** How many calls a process has under way at once. */
  readonly lanes: number;
  readonly locks: readonly string[];
  /** The first is the usual one. */
  readonly ttls: readonly number[];
  readonly maxTtl: number | undefined;
  readonly fencing: boolean;
  /** How many calls wait in the order of arrival over all processes. */
  readonly ordered: number;
  /** How many calls ask for a share of a lock, or for a permit. */
  readonly kinds: number;
  /** ms */
  readonly duration: number;
  readonly work: number;
  readonly think: number;
  readonly careless: number;
  readonly latency: Latency;
  readonly pauses: Pauses;
  /** How many faults come at times of their own. */
  readonly faults: number;
  /** How likely one is at each dangerous moment. */
  readonly bias: number;
  /** `close`: nodes may lose their memory, because the clients' clocks agree better than the quarantine is long. */
  readonly clocks: 'close' | 'wild';
  /** Whether the wall clock of a machine that sleeps may hide it. */
  readonly wallMayStop: boolean;
  /** The rates of all clocks differ by less than the drift. */
  readonly fair: boolean;
  readonly newClock: (random: Random) => LocalTime;
  /** Where processes stand for election, what their candidates draw from. */
  readonly elections: Random | undefined;
  /** Where processes have a job, what it is. */
  readonly jobs: JobPlan | undefined;
  /** Where processes work under several locks at once, what they draw from. */
  readonly moves: Random | undefined;
}

/** Processes with another list of nodes come, while those with the old one run. */
export interface ChangeOfNodes {
  /** By their numbers. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** When the first of them come, ms. */
  readonly at: number;
  /** When those with the old list are killed, to be replaced by others; Infinity when they stay. */
  readonly killedAt: number;
  /** No quorum of either list is without a common node. Otherwise nobody can notice the other list who cannot reach that node. */
  readonly overlapping: boolean;
}

const DURATION = 1500;

const LISTS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[0], [0, 1, 2]],
  [
    [0, 1, 2],
    [0, 1, 2, 3, 4],
  ],
  [
    [0, 1, 2],
    [0, 1, 3],
  ],
  [
    [0, 1, 2],
    [0, 3, 4],
  ],
];

/** Rates that differ by less than the drift which a deadline allows for. */
const FAIR_RATE = 0.004;
/** Far outside of it. */
const FOUL_RATE = 0.15;
const DAY = 86_400_000;

/**
 * @param other for what has nothing to do with most seeds
 * @param jobs for those that have jobs
 * @param kinds for locks of other kinds
 */
export function drawScenario(
  random: Random,
  campaign: Campaign,
  other: Random,
  jobs: Random,
  kinds: Random,
): Scenario {
  const calm = random.chance(0.1);
  const clocks = random.chance(0.5) ? 'close' : 'wild';
  const ttls = random.pick([[300], [300], [200, 500], [150, 300, 900]]);
  const declared = ttls.length > 1 && !(campaign === 2 && random.chance(0.5));
  const rate = campaign === 2 && clocks === 'wild' && !calm ? FOUL_RATE : FAIR_RATE;
  const clock = (each: Random, offset: number): LocalTime =>
    new LocalTime(1 + each.between(-rate, rate), each.between(-offset, offset));
  const plain = random.chance(0.5);
  // With quorums that share no node, tokens need clocks that agree.
  const change = campaign === 1 && clocks === 'close' && other.chance(0.3) ? drawChange(other) : undefined;
  const nodes = Array.from({ length: random.pick([1, 3, 3, 3, 5]) }, () => {
    const time = clock(random, clocks === 'close' ? 100 : DAY);
    if (!calm && random.chance(campaign === 1 ? 0.15 : 0.4)) stepNode(time, random, campaign);
    return time;
  });
  return {
    calm: calm && !change,
    fair: rate === FAIR_RATE,
    nodes: change ? Array.from({ length: 5 }, () => clock(other, 100)) : nodes,
    change,
    members: 2 + random.below(3),
    lanes: 1 + random.below(2),
    locks: ['a', 'b'].slice(0, 1 + random.below(2)),
    ttls,
    maxTtl: declared ? Math.max(...ttls) : undefined,
    fencing: random.chance(0.7),
    ordered: random.pick([0, 0.5, 1]),
    kinds: kinds.chance(0.35) ? kinds.pick([0.4, 0.7, 0.9]) : 0,
    duration: change ? 2 * DURATION : DURATION,
    work: random.skewed(5, 600),
    think: random.skewed(10, 300),
    // Campaign 2 is there to show what fencing is for.
    careless: campaign === 1 ? random.pick([0, 0.3, 1]) : random.pick([0.5, 1]),
    latency: {
      least: 0.1,
      most: random.skewed(0.3, 10),
      spikes: calm || change?.overlapping === false ? 0 : random.pick([0, 0.002, 0.02]),
      spike: 2 * Math.max(...ttls),
    },
    pauses: { rate: calm ? 0 : random.pick([0, 0.0005, 0.003]), longest: 3 * Math.max(...ttls) },
    faults: calm ? 0 : plain ? random.below(12) : random.below(3),
    bias: calm || plain ? 0 : random.pick(campaign === 1 ? [0.02, 0.1] : [0.1, 0.25]),
    clocks,
    wallMayStop: campaign === 2 && clocks === 'wild',
    newClock: (each) => {
      const time = clock(each, clocks === 'close' ? 20 : DAY);
      if (!calm && each.chance(0.3))
        time.step(each.between(0, DURATION), each.between(-1, 1) * (clocks === 'close' ? 15 : DAY));
      return time;
    },
    elections: other.chance(campaign === 1 ? 0.3 : 0.1) ? other : undefined,
    moves: other.chance(campaign === 1 ? 0.3 : 0.1) ? other : undefined,
    // By clocks that differ by days, replicas mean other ticks.
    jobs:
      clocks === 'close' && !change && jobs.chance(campaign === 1 ? 0.6 : 0.2) ? drawJobs(jobs) : undefined,
  };
}

function drawJobs(random: Random): JobPlan {
  const period = random.pick([60, 150, 400]);
  return {
    period,
    work: random.pick([1, period / 2, 2 * period]),
    onCrash: random.pick(['skip', 'rerun']),
    random,
  };
}

function drawChange(random: Random): ChangeOfNodes {
  const [one, another] = random.pick(LISTS);
  const [before, after] = random.chance(0.5) ? [one, another] : [another, one];
  const common = before.filter((node) => after.includes(node)).length;
  const at = random.between(0, DURATION);
  return {
    before,
    after,
    at,
    killedAt: random.chance(0.7) ? at + random.between(0, DURATION / 3) : Infinity,
    overlapping: [before, after].every(({ length }) => common >= Math.ceil(length / 2)),
  };
}

/** Ahead ends leases early, which no client can know for certain; back only keeps them longer. */
function stepNode(time: LocalTime, random: Random, campaign: Campaign): void {
  const ahead = campaign === 2 && random.chance(0.7);
  time.step(random.between(0, DURATION), (ahead ? 1 : -1) * random.skewed(5, 5000));
}
