import type { HistoryRecord, Operation } from './history.js';

/** The records of one lease, seen held from `from` to `until`. */
export function leaseRecords(
  lease: string,
  from: number,
  until: number,
  more: {
    token?: number;
    asked?: number;
    lock?: string;
    worker?: string;
    shared?: boolean;
    permits?: number;
  } = {},
): HistoryRecord[] {
  const { token, asked = from - 1, lock = 'share-7', worker = `w-${lease}`, shared, permits } = more;
  return [
    {
      type: 'attempt',
      at: asked,
      attempt: `call-${lease}`,
      worker,
      lock,
      budget: 'forever',
      shared,
      permits,
    },
    { type: 'granted', at: from, attempt: `call-${lease}`, lease, token, ttl: 100 },
    { type: 'held', at: from, lease },
    { type: 'held', at: until, lease },
  ];
}

let operations = 0;

/** One operation on the fenced register of share-7. */
export function operation(
  kind: 'read' | 'write',
  value: number | undefined,
  [invoked, returned]: readonly [number, number],
  more: Partial<Operation> = {},
): Operation {
  return {
    operation: `o${(operations += 1)}`,
    worker: 'w',
    lock: 'share-7',
    storage: 'fenced',
    kind,
    invoked,
    returned,
    outcome: returned === Infinity ? 'unknown' : 'accepted',
    value,
    ...more,
  };
}
