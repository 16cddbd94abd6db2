import { shown } from '../common/checks.js';
import type { Clock } from '../common/clock.js';
import type { Holder } from '../drivers/driver.js';
import { InvalidOptionsError } from '../errors.js';
import { breakHolders } from '../lock/index.js';
import type { BreakOptions } from './inspection.types.js';
import { LOCK_KINDS, lockNamed, namedLock } from './lock-kinds.js';
import { askToLetGo, isAsked, type Revocation, watchRevocations, withdraw } from './revocations.js';
import type { Source } from './source.js';

/** How long a holder has to let go by itself, ms. A holder that hangs does not answer, nor one that has just got the lock. */
const TIME_TO_LET_GO = 1000;

/** How often the breaking member checks whether it has, ms, where no message comes. */
const LOOK_AGAIN = 100;

/** @throws InvalidOptionsError */
export function checkBreak(name: unknown, options: Partial<BreakOptions> | undefined): void {
  const problems: string[] = [];
  if (typeof name !== 'string' || name === '')
    problems.push(`the name must be a non-empty string, got ${shown(name)}`);
  const { reason, kind = 'lock' } = options ?? {};
  if (typeof reason !== 'string' || reason.trim() === '')
    problems.push(`reason must be a non-empty string, which the holder is told, got ${shown(reason)}`);
  if (!LOCK_KINDS.includes(kind))
    problems.push(`kind must be one of ${LOCK_KINDS.join(', ')}, got ${shown(kind)}`);
  if (problems.length > 0) throw new InvalidOptionsError(`inspect.break: ${problems.join('; ')}`);
}

/**
 * Takes a lock away from its holders, and tells them why.
 * @returns whether it was held
 * @throws BackendUnavailableError
 */
export async function breakLock(
  source: Source,
  name: string,
  { reason, kind = 'lock' }: BreakOptions,
): Promise<boolean> {
  const revocation = { by: source.memberId, reason };
  const outcome = await breakHolders(
    () => holdersOf(source, kind, name),
    (holder) => breakOne(source, holder, revocation),
  );
  return outcome !== 'free';
}

async function holdersOf(
  { locks, prefix }: Source,
  kind: BreakOptions['kind'] & string,
  name: string,
): Promise<readonly Holder[]> {
  const lock = lockNamed(kind, name);
  if (lock !== undefined) return locks.holders(prefix + lock);
  const all = (await locks.list()).filter((holder) => holder.name.startsWith(prefix));
  return all.filter((holder) => {
    const named = namedLock(holder.name.slice(prefix.length));
    return named.part === 'permit' && named.name === name;
  });
}

/** Never breaks a later holder: another one may have the lock by the time this holder has let go. */
async function breakOne(source: Source, holder: Holder, revocation: Revocation): Promise<boolean> {
  const { locks, records, clock } = source;
  const { id } = holder;
  if (source.letGo?.(id, revocation)) {
    await locks.revoke(holder);
    return true;
  }
  const version = await askToLetGo(records, id, revocation);
  let letGo = false;
  try {
    letGo = await hasLetGo(
      clock,
      (onChange) => watchRevocations(records, onChange),
      () => isAsked(records, id),
    );
    return (await locks.revoke(holder)) || letGo;
  } finally {
    // Otherwise the request ends by its ttl.
    if (!letGo) await withdraw(records, id, version).catch(() => undefined);
  }
}

/** Resolves to false when the holder has not answered in time. */
async function hasLetGo(
  clock: Clock,
  watch: (onChange: () => void) => Disposable,
  isStillAsked: () => Promise<boolean>,
): Promise<boolean> {
  const end = clock.monotonic() + TIME_TO_LET_GO;
  let wake = (): void => undefined;
  const watching = watch(() => wake());
  try {
    while (await isStillAsked()) {
      const left = end - clock.monotonic();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(Math.min(left, LOOK_AGAIN), resolve);
        wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    return true;
  } finally {
    watching[Symbol.dispose]();
  }
}
