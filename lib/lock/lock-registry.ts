import type { DriverHealth } from '../drivers/driver.js';
import { LockCreationFailedError } from '../errors.js';
import type { LockManager } from './lock-manager.js';

/** Where a {@link LockProvider} keeps what takes leases. @internal */
export const LOCK_MANAGER = Symbol('manager');

/** Something locks can be had from: a coordinator. */
export interface LockProvider {
  readonly memberId: string;
  /** Undefined while the coordinator is not started. @internal */
  readonly [LOCK_MANAGER]: LockManager | undefined;
}

/** How an error begins. A function where the text is made for nearly every call, and wanted by hardly any. */
type ForWhat = string | (() => string);

function textOf(forWhat: ForWhat): string {
  return typeof forWhat === 'string' ? forWhat : forWhat();
}

const UNIT_TEST =
  "in a unit test import CoordinationModule.forRoot({ backendUrl: 'memory:' }) and call init() of the testing module";

/** @throws LockCreationFailedError for a mock, and for a coordinator of another copy of this package */
function checkIsCoordinator(provider: LockProvider, forWhat: ForWhat): void {
  // What a mock answers for a symbol that it has never heard of is a function, or nothing.
  if (
    Object(provider) === provider &&
    LOCK_MANAGER in provider &&
    typeof provider[LOCK_MANAGER] !== 'function'
  )
    return;
  if (provider?.constructor?.name === 'CoordinatorService') {
    throw new LockCreationFailedError(
      `${textOf(forWhat)}: its coordinator is of another copy of nestjs-coordination; two copies are installed, see npm ls nestjs-coordination, and both sides have to use one`,
    );
  }
  throw new LockCreationFailedError(
    `${textOf(forWhat)}: what was given as its CoordinatorService is ${kindOf(provider)}, a mock perhaps, and takes no locks; ${UNIT_TEST}`,
  );
}

function kindOf(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object of another kind' : String(value);
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

/** A coordinator that is started in this process. */
export interface RunningCoordinator {
  readonly name?: string | undefined;
  /** What its driver knows of its nodes, where it knows of any. */
  readonly health: DriverHealth | undefined;
}

export function runningCoordinators(): RunningCoordinator[] {
  return [...running].map(([provider, name]) => ({ name, health: provider[LOCK_MANAGER]?.driverHealth }));
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
      `${forWhat}: no coordinator${which} is started in this process; import CoordinationModule.forRoot() and wait for the application's onModuleInit, or call coordinator.start(); ${UNIT_TEST}`,
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

/** What takes leases for a coordinator that is started; undefined also for a mock, which may answer anything. */
export function startedManagerOf(provider: LockProvider): LockManager | undefined {
  const manager: unknown = Object(provider) === provider ? provider[LOCK_MANAGER] : undefined;
  return typeof manager === 'object' && manager !== null ? (manager as LockManager) : undefined;
}

/** @throws LockCreationFailedError when the coordinator is not started, or is none */
export function lockManagerOf(provider: LockProvider, forWhat: ForWhat): LockManager {
  checkIsCoordinator(provider, forWhat);
  const manager = provider[LOCK_MANAGER];
  if (manager) return manager;
  throw new LockCreationFailedError(
    `${textOf(forWhat)}: the coordinator of member ${provider.memberId} is not started; it starts in onModuleInit (constructors run before that) and stops at shutdown, or call coordinator.start(); a testing module starts it when its init() is called`,
  );
}
