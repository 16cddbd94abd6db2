import { describe, expect, it } from 'vitest';
import { BACKENDS, FAULT_KINDS, type FaultKind, traitsOf } from './faults.js';
import { planRun, type PlanTerms } from './planner.js';

const TERMS: PlanTerms = {
  backend: 'redis',
  campaign: 'inside',
  proof: false,
  quarantine: 1000,
  length: 6000,
  workers: 4,
  nodes: 3,
  locks: 8,
  clocks: true,
};

const SEEDS = Array.from({ length: 300 }, (_, index) => `plan ${index}`);

function kindsOf(terms: PlanTerms): Set<FaultKind> {
  return new Set(SEEDS.flatMap((seed) => planRun(seed, terms).steps.map(({ kind }) => kind)));
}

describe('the plan of a run', () => {
  it('is the same for the same seed, and another one for another', () => {
    expect(planRun('one', TERMS)).toEqual(planRun('one', TERMS));
    expect(planRun('one', TERMS)).not.toEqual(planRun('two', TERMS));
  });

  it('has every fault of its back end sooner or later, when everything may happen', () => {
    for (const backend of BACKENDS) {
      const possible = FAULT_KINDS.filter((kind) => traitsOf(kind).on.includes(backend));
      const planned = kindsOf({ ...TERMS, backend, campaign: 'everything' });
      expect([...planned].sort()).toEqual([...possible].sort());
    }
  });

  it('leaves out what lets a node or a file forget unnoticed, as long as the assumptions have to hold', () => {
    for (const backend of BACKENDS) {
      const planned = [...kindsOf({ ...TERMS, backend })];
      expect(planned.filter((kind) => traitsOf(kind).forgets === 'silently')).toEqual([]);
      expect(planned.filter((kind) => traitsOf(kind).stepsClock === 'node')).toEqual([]);
    }
  });

  it('never has foreign clients or other lists of nodes beside a node that forgets, as they know of no quarantine', () => {
    const plans = SEEDS.map((seed) => planRun(seed, TERMS).steps.map(({ kind }) => traitsOf(kind)));
    const ignorant = plans.filter((plan) => plan.some(({ foreign, changesList }) => foreign || changesList));
    expect(ignorant.length).toBeGreaterThan(10);
    expect(ignorant.filter((plan) => plan.some(({ forgets }) => forgets !== undefined))).toEqual([]);
  });

  it('never takes counters and clocks away together, as tokens need one of them', () => {
    for (const seed of SEEDS) {
      const { steps } = planRun(seed, { ...TERMS, campaign: 'everything' });
      const skew = Math.max(
        0,
        ...steps.filter(({ kind }) => traitsOf(kind).stepsClock).map(({ clockStep }) => Math.abs(clockStep)),
      );
      if (steps.some(({ kind }) => traitsOf(kind).forgets)) expect(skew).toBeLessThanOrEqual(250);
      if (steps.some(({ kind }) => traitsOf(kind).forgets === 'silently')) expect(skew).toBe(0);
    }
  });

  it('moves no clock where that cannot be done', () => {
    const planned = [...kindsOf({ ...TERMS, campaign: 'everything', clocks: false })];
    expect(planned.filter((kind) => traitsOf(kind).needsShim)).toEqual([]);
  });
});
