import { type Ground, refusal } from './assumptions.js';
import { type Backend, FAULT_KINDS, type FaultKind, type Step, traitsOf } from './faults.js';
import { SeededRandom } from './random.js';

export interface PlanTerms extends Ground {
  readonly backend: Backend;
  /** Begin with making the storage without fencing lose an update, so that the run says what fencing is good for. */
  readonly proof: boolean;
  /** How long faults begin, ms. */
  readonly length: number;
  readonly workers: number;
  readonly locks: number;
  /** Draws from these alone. */
  readonly kinds?: readonly FaultKind[];
  /** Without the shim no clock can be moved. */
  readonly clocks: boolean;
}

export interface Plan {
  /** In the order of their times. */
  readonly steps: readonly Step[];
  /** Why steps that were drawn are not among them, and how many. */
  readonly refused: ReadonlyMap<string, number>;
}

/** Faults begin at least this far apart on average, ms, in the densest run; and this far in the thinnest. */
const DENSEST = 150;
const THINNEST = 700;
/** Clocks are set by so much, ms: either little, or anything up to hours. */
const LITTLE = 150;
const MUCH = 4 * 3_600_000;

/** It ends as soon as it has succeeded, which takes a ttl, or longer where nodes are away meanwhile; ms. */
const LONGEST_PROOF = 60_000;
const LONGEST_PROOF_ON_FILES = 10_000;

/** Draws what happens in one run; the same seed gives the same plan. */
export function planRun(seed: string, terms: PlanTerms): Plan {
  const random = new SeededRandom(seed);
  const kinds = (terms.kinds ?? FAULT_KINDS).filter(
    (kind) =>
      traitsOf(kind).on.includes(terms.backend) && (terms.clocks || traitsOf(kind).needsShim !== true),
  );
  const gap = random.between(DENSEST, THINNEST);
  const steps: Step[] = terms.proof ? [proofStep(random, terms)] : [];
  const refused = new Map<string, number>();
  for (let at = random.between(50, gap); at < terms.length; at += random.between(0.2, 1.8) * gap) {
    const step = draw(random, weighted(random, kinds), Math.round(at), terms);
    const why = refusal(step, steps, terms);
    if (why === undefined) steps.push(step);
    else refused.set(why, (refused.get(why) ?? 0) + 1);
  }
  return { steps, refused };
}

function proofStep(random: SeededRandom, terms: PlanTerms): Step {
  // No ttl has to pass there. And once the directory is another one too, all others wait for the process that is stopped.
  if (terms.backend === 'file')
    return {
      ...draw(random, 'remove the file of a stopped holder', 0, terms),
      lasts: LONGEST_PROOF_ON_FILES,
    };
  return { ...draw(random, 'stop until overtaken', 0, terms), lasts: LONGEST_PROOF };
}

function draw(random: SeededRandom, kind: FaultKind, at: number, terms: PlanTerms): Step {
  const [least, most] = traitsOf(kind).lasts;
  const size = random.chance(0.5) ? LITTLE : MUCH;
  return {
    kind,
    at,
    lasts: Math.round(random.between(least, most)),
    worker: random.below(terms.workers),
    node: random.below(Math.max(1, terms.nodes)),
    lock: random.below(terms.locks),
    everybody: random.chance(0.4),
    clockStep: Math.round(random.between(-size, size)),
    chance: random.next(),
  };
}

function weighted(random: SeededRandom, kinds: readonly FaultKind[]): FaultKind {
  const total = kinds.reduce((sum, kind) => sum + traitsOf(kind).weight, 0);
  let left = random.next() * total;
  for (const kind of kinds) {
    left -= traitsOf(kind).weight;
    if (left < 0) return kind;
  }
  return kinds[0] as FaultKind;
}
