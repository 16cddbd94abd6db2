import {
  type History,
  judgeExclusion,
  judgeLeftovers,
  judgeRegister,
  judgeStalls,
  judgeTokens,
  judgeUpdates,
  type Leftover,
  type Violation,
} from '../checker/index.js';
import type { Campaign, FaultKind } from './faults.js';

/**
 * How much later than its budget a call may end, ms: a stop of its process, time-outs of connections, and a machine
 * that is busy with other things.
 */
const SLACK = 15_000;
/** Longer than any work under a lease, and any stop, ms. */
const LONGEST_HOLD = 15_000;

/** The longest that a key may outlive its last use, ms: the record of a node does so for a day. */
export const LONGEST_KEY = 86_400_000;

export interface Evidence {
  readonly history: History;
  readonly campaign: Campaign;
  /** When the run was over, on the judge's clock. */
  readonly end: number;
  readonly leftovers: readonly Leftover[];
  /** What should have ended by itself, and did not. */
  readonly stalls: readonly string[];
}

/** Everything that the run must not have done. What rests on exclusion is asked only where the ground for it was left. */
export function judgeRun(evidence: Evidence): Violation[] {
  const { history, campaign, end, leftovers, stalls } = evidence;
  const inside = campaign === 'inside';
  return [
    ...(inside ? judgeExclusion(history) : []),
    ...judgeTokens(history, inside ? ['asked', 'belief'] : ['asked']),
    ...judgeRegister(history),
    ...judgeUpdates(history),
    ...judgeStalls(history, { slack: SLACK, longestHold: LONGEST_HOLD, end }),
    ...judgeLeftovers(leftovers, LONGEST_KEY),
    ...stalls.map((message): Violation => ({ judge: 'stall', lock: '', message })),
  ];
}

/** Faults that keep a node from answering anybody, and those that keep it from some. */
const AWAY: readonly string[] = ['kill node', 'stop node', 'pause clients of node'] satisfies FaultKind[];
const CUT: readonly string[] = [
  'cut both ways',
  'cut requests',
  'cut replies',
  'lose bytes',
] satisfies FaultKind[];

/** States that only the whole history shows. */
export function statesOf({ leases, calls, faults }: History): Map<string, number> {
  const states = new Map<string, number>();
  const count = (name: string, times = 1): void =>
    void (times > 0 && states.set(name, (states.get(name) ?? 0) + times));
  for (const { end } of calls) {
    if (end?.type === 'failed') count(`call failed: ${end.error}`);
    if (end?.type === 'refused') count('call refused');
  }
  const during = (kinds: readonly string[]): number => {
    const spans = faults.filter(({ kind }) => kinds.includes(kind));
    return leases.filter(({ granted }) => spans.some(({ at, until = at }) => at < granted && granted < until))
      .length;
  };
  count('granted while a node was away', during(AWAY));
  count('granted while a link was cut', during(CUT));
  count('lease of a foreign client', leases.filter(({ worker }) => worker.startsWith('foreign')).length);
  const last = new Map<string, History['leases'][number]>();
  const alone = leases.filter(({ shared, permits }) => !shared && permits === undefined);
  for (const lease of alone.sort((a, b) => a.granted - b.granted)) {
    const before = last.get(lease.lock);
    last.set(lease.lock, lease);
    if (!before || before.worker === lease.worker) continue;
    const { ending } = before;
    const ended = ending?.type === 'released' ? ending.called : ending?.at;
    if (ended === undefined || ended > lease.granted) count('taken over while its holder did not know');
    else if (ending?.type === 'lost') count('granted after a lost lease');
    else count('handed on from process to process');
  }
  return states;
}
