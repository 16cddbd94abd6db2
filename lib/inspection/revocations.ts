import type { RecordStore, StoredRecord, Watch } from '../drivers/driver.js';
import { outsideCalls } from '../common/clock.js';
import { printable } from '../common/quoted.js';
import type { LockManager } from '../lock/index.js';

/** The space of the records that ask a holder to let go, by the id of its grant. */
const REVOCATIONS = 'revocations';

/** The version of the first request to a grant. */
const FIRST_VERSION = 1;

/** How long a request lasts, ms. A holder that is alive finds it long before its end. */
const LIFE = 10_000;

/** The reason why a lease is taken away, and the member that does it. */
export interface Revocation {
  readonly by: string;
  readonly reason: string;
}

/** The loss of the lease: the text goes into its error, and into the log. */
export function lossBy({ by, reason }: Revocation): { readonly reason: 'revoked'; readonly message: string } {
  return { reason: 'revoked', message: `${printable(by)} broke the lock: ${printable(reason)}` };
}

/**
 * Asks the holder with that grant to let go.
 * @returns the version of the request
 */
export async function askToLetGo(
  records: RecordStore,
  id: string,
  { by, reason }: Revocation,
): Promise<number> {
  const request = { space: REVOCATIONS, key: id, value: JSON.stringify({ by, reason }) };
  const there = await records.put({ ...request, version: FIRST_VERSION }, LIFE);
  if (there.value === request.value) return there.version;
  // Another request is there, or one was withdrawn a moment ago.
  const version = there.version + 1;
  await records.put({ ...request, version }, LIFE);
  return version;
}

/** Whether the holder has not answered yet. */
export async function isAsked(records: RecordStore, id: string): Promise<boolean> {
  return (await records.get(REVOCATIONS, id)) !== undefined;
}

/** Removes the request: it was answered, or is asked no more. */
export function withdraw(records: RecordStore, id: string, version: number): Promise<void> {
  return records.remove(REVOCATIONS, id, version);
}

export function watchRevocations(records: RecordStore, onChange: () => void): Watch {
  return records.watch(REVOCATIONS, onChange);
}

/**
 * Lets this member give up a lock that another one breaks, and log why, before the back end takes it away. It listens while it holds
 * leases that have lived through a heartbeat: people break such leases.
 */
export class Revocations {
  #watch?: Watch | undefined;

  constructor(private readonly manager: LockManager) {}

  listen(wanted: boolean): void {
    if (wanted === (this.#watch !== undefined)) return;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    if (!wanted) return;
    outsideCalls(() => {
      this.#watch = watchRevocations(this.manager.records, () => void this.#look());
    });
  }

  async #look(): Promise<void> {
    const { records } = this.manager;
    let asked: readonly StoredRecord[];
    try {
      asked = await records.list(REVOCATIONS);
    } catch {
      // The member that breaks the lock does not wait for long, and then takes the lock away by the back end.
      return;
    }
    for (const { key, value, version } of asked)
      if (this.manager.takeAway(key, lossBy(revocationIn(value))))
        // Otherwise the request ends by its ttl.
        void withdraw(records, key, version).catch(() => undefined);
  }
}

function revocationIn(value: string): Revocation {
  try {
    const { by, reason } = JSON.parse(value) as Partial<Revocation>;
    return { by: String(by), reason: String(reason) };
  } catch {
    // The lock was broken all the same.
    return { by: 'a member that gave no name', reason: 'no reason that could be read' };
  }
}
