import type {
  Attempt,
  Bounds,
  AttemptEnd,
  Budget,
  Fault,
  FinalValue,
  HistoryRecord,
  Invocation,
  JobRecord,
  LeaseEnding,
  QueueEvent,
  Return,
  Storage,
} from './records.js';

export * from './records.js';

/** What happened in a run, put together from the records of all its processes. */
export interface History {
  readonly calls: readonly Call[];
  readonly leases: readonly LeaseStory[];
  readonly operations: readonly Operation[];
  readonly finals: readonly FinalValue[];
  readonly queues: readonly QueueEvent[];
  /** What happened to jobs, in the order of the records. */
  readonly jobs: readonly JobRecord[];
  readonly faults: readonly Fault[];
  /** Name → how often it was reached. */
  readonly states: ReadonlyMap<string, number>;
  /** Worker → when it was gone. */
  readonly gone: ReadonlyMap<string, number>;
}

export interface Call {
  readonly attempt: string;
  readonly worker: string;
  readonly lock: string;
  readonly budget: Budget;
  readonly shared?: boolean | undefined;
  readonly permits?: number | undefined;
  readonly at: number;
  /** Undefined when its process was gone before, or when it hung. */
  readonly end?: AttemptEnd;
}

export interface LeaseStory {
  readonly lease: string;
  readonly worker: string;
  readonly lock: string;
  /** With others that share the lock. */
  readonly shared?: boolean | undefined;
  /** One of so many. */
  readonly permits?: number | undefined;
  readonly token?: number;
  readonly ttl?: number;
  readonly bounds?: Bounds;
  /** When the call for it began. */
  readonly asked: number;
  /** When the caller had it. */
  readonly granted: number;
  /** The first and the last look at which the holder saw it held; undefined when it never looked, or never saw it so. */
  readonly belief?: { readonly from: number; readonly until: number };
  readonly ending?: LeaseEnding;
  /** When the first node let its grant be broken. */
  readonly broken?: number;
}

export interface Operation {
  readonly operation: string;
  readonly worker: string;
  readonly lock: string;
  readonly storage: Storage;
  readonly kind: 'read' | 'write';
  readonly invoked: number;
  /** Infinity while nobody knows whether it happened. */
  readonly returned: number;
  readonly outcome: 'accepted' | 'refused' | 'unknown';
  /** What a write stores, or a read saw. */
  readonly value?: number;
  readonly token?: number;
  readonly lease?: string;
}

/**
 * @param records of all processes, in any order
 * @throws Error when a record speaks of a call, lease or operation that no other record began
 */
export function readHistory(records: Iterable<HistoryRecord>): History {
  const sorted = sortByKind(records);
  const calls = callsOf(sorted);
  return {
    calls,
    leases: leasesOf(calls, sorted),
    operations: operationsOf(sorted),
    finals: sorted.finals,
    queues: sorted.queues,
    jobs: sorted.jobs,
    faults: sorted.faults,
    states: sorted.states,
    gone: sorted.gone,
  };
}

interface Sorted {
  readonly attempts: Attempt[];
  readonly ends: Map<string, AttemptEnd>;
  readonly looks: Map<string, { from: number; until: number }>;
  readonly endings: Map<string, LeaseEnding>;
  /** By grant. */
  readonly broken: Map<string, number>;
  readonly invocations: Invocation[];
  readonly returns: Map<string, Return>;
  readonly finals: FinalValue[];
  readonly queues: QueueEvent[];
  readonly jobs: JobRecord[];
  readonly faults: Fault[];
  readonly states: Map<string, number>;
  readonly gone: Map<string, number>;
}

function sortByKind(records: Iterable<HistoryRecord>): Sorted {
  const sorted: Sorted = {
    attempts: [],
    ends: new Map(),
    looks: new Map(),
    endings: new Map(),
    broken: new Map(),
    invocations: [],
    returns: new Map(),
    finals: [],
    queues: [],
    jobs: [],
    faults: [],
    states: new Map(),
    gone: new Map(),
  };
  for (const record of records) put(sorted, record);
  return sorted;
}

function put(sorted: Sorted, record: HistoryRecord): void {
  switch (record.type) {
    case 'attempt':
      sorted.attempts.push(record);
      break;
    case 'granted':
    case 'refused':
    case 'failed':
      sorted.ends.set(record.attempt, record);
      break;
    case 'held':
      widen(sorted.looks, record.lease, record.at);
      break;
    case 'released':
    case 'lost':
      // A lost lease is given back too; that it was lost is what happened to it.
      if (sorted.endings.get(record.lease)?.type !== 'lost') sorted.endings.set(record.lease, record);
      break;
    case 'broken':
      sorted.broken.set(record.grant, Math.min(sorted.broken.get(record.grant) ?? Infinity, record.at));
      break;
    case 'gone':
      sorted.gone.set(record.worker, record.at);
      break;
    case 'invoke':
      sorted.invocations.push(record);
      break;
    case 'return':
      sorted.returns.set(record.operation, record);
      break;
    case 'final':
      sorted.finals.push(record);
      break;
    case 'queue':
      sorted.queues.push(record);
      break;
    case 'fired':
    case 'skipped':
    case 'started':
    case 'ended':
    case 'start written':
    case 'version seen':
      sorted.jobs.push(record);
      break;
    case 'fault':
      sorted.faults.push(record);
      break;
    case 'state':
      sorted.states.set(record.name, (sorted.states.get(record.name) ?? 0) + (record.count ?? 1));
      break;
  }
}

function widen(looks: Map<string, { from: number; until: number }>, lease: string, at: number): void {
  const known = looks.get(lease);
  if (!known) looks.set(lease, { from: at, until: at });
  else {
    known.from = Math.min(known.from, at);
    known.until = Math.max(known.until, at);
  }
}

function callsOf({ attempts, ends }: Sorted): Call[] {
  const known = new Set(attempts.map(({ attempt }) => attempt));
  for (const { type, attempt } of ends.values())
    if (!known.has(attempt))
      throw new Error(`A record of type "${type}" ends "${attempt}", which nobody began`);
  return attempts.map(({ attempt, worker, lock, budget, shared, permits, at }) => ({
    attempt,
    worker,
    lock,
    budget,
    shared,
    permits,
    at,
    end: ends.get(attempt),
  }));
}

function leasesOf(calls: readonly Call[], { looks, endings, broken }: Sorted): LeaseStory[] {
  const leases = new Map<string, LeaseStory>();
  for (const { worker, lock, shared, permits, at, end } of calls) {
    if (end?.type !== 'granted') continue;
    const { lease, token, ttl, bounds, grant = '' } = end;
    const story = { lease, worker, lock, shared, permits, token, ttl, bounds, asked: at, granted: end.at };
    leases.set(lease, {
      ...story,
      belief: looks.get(lease),
      ending: endings.get(lease),
      broken: broken.get(grant),
    });
  }
  for (const lease of [...looks.keys(), ...endings.keys()])
    if (!leases.has(lease))
      throw new Error(`A record speaks of the lease "${lease}", which nobody was granted`);
  return [...leases.values()];
}

function operationsOf({ invocations, returns }: Sorted): Operation[] {
  const known = new Set(invocations.map(({ operation }) => operation));
  for (const { operation } of returns.values())
    if (!known.has(operation)) throw new Error(`A record answers "${operation}", which nobody sent`);
  return invocations.map(({ operation, worker, lock, storage, kind, at, value, token, lease }) => {
    const reply = returns.get(operation);
    return {
      operation,
      worker,
      lock,
      storage,
      kind,
      invoked: at,
      returned: reply?.at ?? Infinity,
      outcome: reply ? (reply.accepted ? 'accepted' : 'refused') : 'unknown',
      value: kind === 'write' ? value : reply?.value,
      token,
      lease,
    };
  });
}
