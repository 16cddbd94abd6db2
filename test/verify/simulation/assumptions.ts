import type { LocalTime } from './local-time.js';

export interface WhatHappened {
  readonly members: readonly LocalTime[];
  readonly nodes: readonly LocalTime[];
  /** When nodes forgot their keys. */
  readonly losses: readonly { readonly node: LocalTime; readonly at: number }[];
  /** Of machines that slept, while their monotonic clocks stood still. */
  readonly slept: ReadonlySet<LocalTime>;
  /** Of the leases that were asked for, ms. */
  readonly longestTtl: number;
  /** How long a node that forgot its keys grants nothing, ms. */
  readonly quarantine: number;
  /** On the judge's clock, ms. */
  readonly end: number;
}

/** Why the promises do not hold for what happened; empty when they do. */
export interface Broken {
  readonly exclusion: readonly string[];
  readonly tokens: readonly string[];
}

/** By how much rates may differ: the drift that a deadline allows for, 1 % of the ttl. */
const DRIFT = 0.01;

/** How far a client's clock may push a token ahead of a node's clock, ms. */
const CAP = 60_000;

export function brokenBy(what: WhatHappened): Broken {
  const { members, nodes, losses, slept, longestTtl, quarantine, end } = what;
  const exclusion: string[] = [];
  const tokens: string[] = [];
  const rates = (times: readonly LocalTime[]): number[] => times.map(({ rate }) => rate);
  if (Math.max(...rates(nodes)) / Math.min(...rates(members)) > 1 + DRIFT)
    exclusion.push('the clock of a node is faster than that of a client by more than the drift');
  if (nodes.some((node) => node.stepsAhead(0, end) > 0)) exclusion.push('the clock of a node jumped ahead');
  if ([...slept].some((time) => time.stepsBack))
    exclusion.push('a machine slept, and none of its clocks knows');
  if (losses.length > 0) {
    if (quarantine < longestTtl) exclusion.push('the quarantine is shorter than a lease');
    const offsets = members.flatMap((member) => member.offsets(end));
    const skew = Math.max(...offsets) - Math.min(...offsets);
    if (skew >= quarantine / (1 + DRIFT)) tokens.push('the clients’ clocks differ by the quarantine or more');
    const slowest = Math.min(...nodes.flatMap((node) => node.offsets(end)));
    if (Math.max(...offsets) - slowest > CAP) tokens.push('the clock of a node is behind by the cap or more');
    for (const { node, at } of losses)
      if (node.stepsAhead(at - 2 * longestTtl, at + 2 * longestTtl) > 0)
        tokens.push('a clock jumped ahead on a node in quarantine');
  }
  return { exclusion, tokens };
}
