import { LockCreationFailedError } from '../errors.js';
import type { Leaser } from './leaser.js';

/** Where a {@link LockProvider} keeps what takes leases. @internal */
export const LEASER = Symbol('leaser');

/** Something locks can be had from: a coordinator. */
export interface LockProvider {
  readonly memberId: string;
  /** Undefined while the coordinator is not started. @internal */
  readonly [LEASER]: Leaser | undefined;
}

/** Who runs in this process, with the name each was given. */
const running = new Map<LockProvider, string | undefined>();

/** A started coordinator can be found by `new Lock(name)`; returns how to take it back. */
export function registerRunning(provider: LockProvider, name?: string): () => void {
  running.set(provider, name);
  return () => {
    running.delete(provider);
  };
}

/**
 * The one coordinator that runs in this process.
 * @throws LockCreationFailedError when there is none, or more than one
 */
export function theRunningProvider(forWhat: string): LockProvider {
  return theOnly([...running.keys()], forWhat, '');
}

/**
 * The one coordinator that runs in this process under that name; undefined is the name of an unnamed one.
 * @throws LockCreationFailedError when there is none, or more than one
 */
export function theRunningProviderNamed(name: string | undefined, forWhat: string): LockProvider {
  const named = [...running].filter(([, itsName]) => itsName === name).map(([provider]) => provider);
  return theOnly(named, forWhat, name === undefined ? '' : ` named "${name}"`);
}

function theOnly(candidates: LockProvider[], forWhat: string, which: string): LockProvider {
  const [first, ...others] = candidates;
  if (!first) {
    throw new LockCreationFailedError(
      `${forWhat}: no coordinator${which} is started in this process; import CoordinationModule.forRoot() and wait for the application's onModuleInit, or call coordinator.start()`,
    );
  }
  if (others.length > 0) {
    const members = candidates.map((one) => one.memberId).join(', ');
    throw new LockCreationFailedError(
      `${forWhat}: ${candidates.length} coordinators${which} run in this process (${members}); say which one to use`,
    );
  }
  return first;
}

/** @throws LockCreationFailedError when the coordinator is not started */
export function leaserOf(provider: LockProvider, forWhat: string): Leaser {
  const leaser = provider[LEASER];
  if (leaser) return leaser;
  throw new LockCreationFailedError(
    `${forWhat}: the coordinator of member ${provider.memberId} is not started; it starts in onModuleInit (constructors run before that) and stops at shutdown, or call coordinator.start()`,
  );
}
