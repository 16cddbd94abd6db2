import { type Campaign, type Step, traitsOf } from './faults.js';

/** What the promises rest on in a run. */
export interface Ground {
  readonly campaign: Campaign;
  /** How many nodes have a vote. */
  readonly nodes: number;
  /** How long a node that forgot grants nothing, ms: the longest ttl. */
  readonly quarantine: number;
}

/** Why a fault may not happen in this run. */
type Rule = (step: Step, others: readonly Step[], ground: Ground) => string | undefined;

const forgets = (step: Step): boolean => traitsOf(step.kind).forgets !== undefined;
const forgetsSilently = (step: Step): boolean => traitsOf(step.kind).forgets === 'silently';
const isForeign = (step: Step): boolean => traitsOf(step.kind).foreign === true;
const changesList = (step: Step): boolean => traitsOf(step.kind).changesList === true;
const stepsClock = (step: Step): boolean => traitsOf(step.kind).stepsClock !== undefined;

/** True when one of the two is of the first kind, and the other of the second. */
function together(
  a: Step,
  b: Step,
  first: (step: Step) => boolean,
  second: (step: Step) => boolean,
): boolean {
  return (first(a) && second(b)) || (first(b) && second(a));
}

/** What keeps at most one holder: promise 1 of the package. */
const EXCLUSION: readonly Rule[] = [
  (step) => (forgetsSilently(step) ? 'keys and files must not vanish unnoticed' : undefined),
  (step) =>
    traitsOf(step.kind).stepsClock === 'node' ? 'clocks of nodes must run at a bounded rate' : undefined,
  (step, others, { quarantine }) =>
    isForeign(step) && (step.at < quarantine || others.some(forgets))
      ? 'foreign clients do not sit out the quarantine of a node that forgot'
      : undefined,
  (step, others) =>
    forgets(step) && others.some(isForeign)
      ? 'foreign clients do not sit out the quarantine of a node that forgot'
      : undefined,
  (step, _others, { nodes }) =>
    changesList(step) && nodes < 3 ? 'two lists of one node each have no node in common' : undefined,
  (step, others) =>
    others.some((other) => together(step, other, changesList, forgets))
      ? 'a node that forgot does not know which list it belongs to'
      : undefined,
];

/**
 * What keeps tokens in order whatever else happens, promise 2: counters, or else clocks. What forgets leaves the order
 * to the clocks, which then have to agree within the quarantine; where nothing sits one out, they have to agree.
 */
const TOKENS: readonly Rule[] = [
  (step, others, { quarantine }) => {
    const allowed = (other: Step): number =>
      forgetsSilently(step) || forgetsSilently(other) || changesList(step) || changesList(other)
        ? 0
        : quarantine / 4;
    const skew = (other: Step): number => Math.abs((stepsClock(step) ? step : other).clockStep);
    const clash = others.find(
      (other) =>
        together(step, other, stepsClock, (each) => forgets(each) || changesList(each)) &&
        skew(other) > allowed(other),
    );
    return clash && 'counters and clocks must not fail together';
  },
];

/**
 * Whether a step may join the others of its run.
 * @returns why not, or undefined when it may
 */
export function refusal(step: Step, others: readonly Step[], ground: Ground): string | undefined {
  const rules = ground.campaign === 'inside' ? [...EXCLUSION, ...TOKENS] : TOKENS;
  for (const rule of rules) {
    const why = rule(step, others, ground);
    if (why !== undefined) return why;
  }
  return undefined;
}
