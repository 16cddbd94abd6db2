import type { ModulesContainer } from '@nestjs/core';
import { InvalidOptionsError } from '../../errors.js';
import { type Provided, providedBy, prototypeOf } from '../../injection/index.js';
import type { LockProvider } from '../../lock/index.js';
import type { Leadership } from '../election.js';
import { type ElectionListener, type Elections, findElections } from '../elections.js';
import { type ElectionUse, usesOfClass } from './election-use.js';

/** @throws InvalidOptionsError for a request-scoped or transient class: it has no single object at boot */
export function checkElectionHosts(modules: ModulesContainer): void {
  for (const provided of providedBy(modules)) {
    const [first] = usesOfClass(prototypeOf(provided));
    const scope = first && scopeOf(provided);
    if (!first || !scope) continue;
    throw new InvalidOptionsError(
      `${first.use.label}: ${first.use.decorator}(${JSON.stringify(first.use.election)}) is in a class that ${scope}, and an election has one candidate in each replica; move the method to a provider of the default scope`,
    );
  }
}

function scopeOf(provided: Provided): string | undefined {
  if (!provided.isDependencyTreeStatic())
    return 'is request-scoped, or depends on something that is, so that Nest makes an object for each request';
  return provided.isTransient ? 'is transient, so that Nest makes an object for each user' : undefined;
}

/** Campaigns in the elections that objects of the application want, with their listeners. */
export function standForElections(
  modules: ModulesContainer,
  name: string | undefined,
  provider: LockProvider,
): void {
  // A mock in the place of the coordinator has no elections, and the methods say so when they are called.
  const elections = findElections(provider);
  if (!elections?.candidate) return;
  const seen = new Set<object>();
  const listeners = new Map<string, ElectionListener[]>();
  for (const { instance } of providedBy(modules)) {
    // One object may be provided under several names.
    if (typeof instance !== 'object' || instance === null || seen.has(instance)) continue;
    seen.add(instance);
    for (const { name: method, use } of usesOfClass(Object.getPrototypeOf(instance))) {
      if (use.coordinator !== name) continue;
      const ofElection = listeners.get(use.election) ?? [];
      listeners.set(use.election, [...ofElection, ...listenersOf(instance, method, use)]);
    }
  }
  stand(elections, listeners);
}

function stand(elections: Elections, listeners: ReadonlyMap<string, readonly ElectionListener[]>): void {
  for (const [election, ofElection] of listeners) elections.stand(election, ofElection);
}

function listenersOf(host: object, method: string, { decorator, label }: ElectionUse): ElectionListener[] {
  if (decorator === '@LeaderOnly') return [];
  // Looked up when it is called, as a test may have put a spy in its place.
  const call = (leadership: Leadership): unknown => {
    const listener = Reflect.get(host, method) as (leadership: Leadership) => unknown;
    return listener.call(host, leadership);
  };
  return [{ when: decorator === '@OnElected' ? 'elected' : 'demoted', label, call }];
}
