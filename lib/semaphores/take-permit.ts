import { onAbort } from '../common/abort-listeners.js';
import type { CallOrigin } from '../common/call-origin.js';
import { Cancellation } from '../common/cancellation.js';
import { quoted } from '../common/quoted.js';
import { LimitReachedError } from '../errors.js';
import { HeldLease } from '../lock/lease/index.js';
import { type LockManager, refusalReason } from '../lock/index.js';
import { PermitReport } from './permit-report.js';
import { permitLock, turnLock } from './permits.js';

/** The shortest time after which a client is told to try again, ms. */
const SHORTEST_RETRY_AFTER = 1000;

export interface PermitTerms {
  readonly name: string;
  readonly permits: number;
  /** ms */
  readonly ttl: number;
  readonly fair: boolean;
  /** true: wait for ever · false or 0: one try of each permit · n: at most n ms. */
  readonly blocking: boolean | number;
  readonly signal?: AbortSignal | Cancellation | undefined;
  /** The function that will run under the permit, for the log; empty when there is none. */
  readonly label: string;
  /** The method that asks for it, where that is known. */
  readonly origin?: CallOrigin | undefined;
}

/** No permit was free within the call's time limit. */
export interface NoPermit {
  /** How long the lease of a permit lasts at most without renewal, ms, where known. */
  readonly remaining?: number;
}

/**
 * Takes one of the permits. Each of them is a lock, and a caller holds one. So there are never more holders than locks, whatever happens
 * to the order, and every driver has permits.
 *
 * A caller that finds all of them taken waits for the turn, which is a lock too. The caller that has the turn waits for all permits at
 * once, and takes the first that is freed. A caller that comes meanwhile finds each permit waited for, and does not overtake it.
 *
 * @throws the signal's reason when it aborts; BackendUnavailableError
 */
export async function takePermit(manager: LockManager, terms: PermitTerms): Promise<HeldLease | NoPermit> {
  const since = manager.clock.monotonic();
  const report = new PermitReport(manager, terms, since);
  try {
    const result = await takeSince(manager, terms, since, () => report.waiting());
    if (!(result instanceof HeldLease)) report.refused('taken');
    return result;
  } catch (error) {
    report.refused(refusalReason(manager.waitLimit(false, terms.signal), error), error);
    throw error;
  }
}

/** @param waits called once, before the call waits */
async function takeSince(
  manager: LockManager,
  terms: PermitTerms,
  since: number,
  waits: () => void,
): Promise<HeldLease | NoPermit> {
  const { clock } = manager;
  const { blocking } = terms;
  const until = blocking === true ? Infinity : since + Number(blocking);
  const free = await tryEach(manager, terms, since);
  if (free instanceof HeldLease || blocking === false || blocking === 0) return free;
  waits();
  const left = (): boolean | number => (until === Infinity ? true : Math.max(0, until - clock.monotonic()));
  const turn = await manager.acquire({
    name: turnLock(terms.name),
    ttl: terms.ttl,
    fencing: false,
    fair: terms.fair,
    label: terms.label,
    origin: terms.origin,
    part: 'step',
    waitLimit: manager.waitLimit(left(), terms.signal),
  });
  if (!(turn instanceof HeldLease)) return free;
  try {
    return await waitForFirst(manager, terms, since, left());
  } finally {
    // It never rejects, and the caller need not wait for it.
    void turn.finish();
  }
}

/** The error of a call that needs a permit and did not get one */
export function limitReached(
  manager: { readonly memberId: string },
  { name, permits, blocking }: PermitTerms,
  { remaining = 0 }: NoPermit,
): LimitReachedError {
  const how = typeof blocking === 'number' && blocking > 0 ? `within ${blocking} ms` : 'at once';
  const taken = permits === 1 ? 'its one permit is' : `all of its ${permits} permits are`;
  return new LimitReachedError(
    `Semaphore ${quoted(name)}: member ${manager.memberId} did not get a permit ${how}, ${taken} taken; try again later, raise "blocking", or raise the number of permits`,
    { retryAfter: Math.max(SHORTEST_RETRY_AFTER, remaining) },
  );
}

/** A whole number that is the same for the same text, and mostly differs for different texts. */
function numberOf(text: string): number {
  let number = 0;
  for (const character of text) number = (Math.imul(number, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  return number;
}

/** One try of each permit, one after the other. Members begin at different permits, so that each mostly finds its own one free. */
async function tryEach(
  manager: LockManager,
  terms: PermitTerms,
  since: number,
): Promise<HeldLease | NoPermit> {
  const { permits } = terms;
  const first = numberOf(manager.memberId);
  let none: NoPermit = {};
  for (let index = 0; index < permits; index += 1) {
    const result = await take(manager, terms, (first + index) % permits, since, false, terms.signal);
    if (result instanceof HeldLease) return result;
    none = soonest(none, result);
  }
  return none;
}

function soonest(one: NoPermit, other: NoPermit): NoPermit {
  return (other.remaining ?? Infinity) < (one.remaining ?? Infinity) ? other : one;
}

function take(
  manager: LockManager,
  { name, ttl, label, origin }: PermitTerms,
  slot: number,
  since: number,
  blocking: boolean | number,
  signal: PermitTerms['signal'],
): Promise<HeldLease | NoPermit> {
  const waitLimit = manager.waitLimit(blocking, signal);
  return manager.acquire({
    name: permitLock(name, slot),
    ttl,
    fencing: false,
    fair: false,
    label,
    origin,
    part: 'try',
    since,
    waitLimit,
  });
}

/** Waits for all permits, and takes the first that is freed; gives back the ones that come after it. */
function waitForFirst(
  manager: LockManager,
  terms: PermitTerms,
  since: number,
  blocking: boolean | number,
): Promise<HeldLease | NoPermit> {
  const { signal, permits } = terms;
  const race = new Cancellation(() =>
    signal?.aborted ? signal.reason : new Error('another permit came first'),
  );
  const cancel = (): void => race.cancel();
  if (signal?.aborted) cancel();
  const forget =
    signal instanceof Cancellation ? signal.onCancelOrGone(cancel) : signal && onAbort(signal, cancel);
  return new Promise<HeldLease | NoPermit>((resolve, reject) => {
    let open = permits;
    let won = false;
    let failure: { readonly error: unknown } | undefined;
    let none: NoPermit = {};
    const ended = (): void => {
      open -= 1;
      if (open > 0 || won) return;
      if (failure) reject(failure.error);
      else resolve(none);
    };
    const judge = (result: HeldLease | NoPermit): void => {
      if (!(result instanceof HeldLease)) none = soonest(none, result);
      else if (won || signal?.aborted) {
        if (!won) failure ??= { error: signal?.reason };
        void result.finish();
      } else {
        won = true;
        resolve(result);
        cancel();
      }
      ended();
    };
    for (let slot = 0; slot < permits; slot += 1)
      take(manager, terms, slot, since, blocking, race).then(judge, (error: unknown) => {
        failure ??= { error };
        ended();
      });
  }).finally(() => forget?.());
}
