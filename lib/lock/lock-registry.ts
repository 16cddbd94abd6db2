import type { DriverHealth } from '../drivers/driver.js';
import { LockCreationFailedError } from '../errors.js';
import type { LockManager } from './lock-manager.js';

/** The key of the lock manager of a {@link LockProvider}. @internal */
export const LOCK_MANAGER = Symbol('manager');

/** A source of locks: a coordinator. */
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

const MOCK = Symbol('mock');

/**
 * The lock manager of a started coordinator. A mock may be made in any way. It may answer a function, an object or nothing for an unknown
 * symbol, or have the class's getters without the fields that they read.
 */
function managerIn(provider: LockProvider): LockManager | undefined | typeof MOCK {
  if (Object(provider) !== provider) return MOCK;
  try {
    const manager: unknown = LOCK_MANAGER in provider ? provider[LOCK_MANAGER] : MOCK;
    if (isManager(manager)) return manager;
    return manager === undefined && typeof provider.memberId === 'string' ? undefined : MOCK;
  } catch {
    return MOCK;
  }
}

function isManager(value: unknown): value is LockManager {
  return (
    typeof value === 'object' &&
    value !== null &&
    'waitLimit' in value &&
    typeof value.waitLimit === 'function'
  );
}

/** The error for a mock, or for a coordinator of another copy of this package. */
function noCoordinator(provider: LockProvider, forWhat: ForWhat): LockCreationFailedError {
  if (isOfAnotherCopy(provider))
    return new LockCreationFailedError(
      `${textOf(forWhat)}: its coordinator is of another copy of nestjs-coordination; two copies are installed, see npm ls nestjs-coordination, and both sides have to use one`,
    );
  return new LockCreationFailedError(
    `${textOf(forWhat)}: what was given as its CoordinatorService is ${kindOf(provider)}, a mock perhaps, and takes no locks; ${UNIT_TEST}`,
  );
}

function isOfAnotherCopy(provider: object): boolean {
  if (Object(provider) !== provider) return false;
  try {
    return !(LOCK_MANAGER in provider) && provider.constructor?.name === 'CoordinatorService';
  } catch {
    // A mock that wants each use to be expected.
    return false;
  }
}

function kindOf(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object of another kind' : String(value);
}

/** The started coordinators of this process, each with its name. */
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
  /** The state of its driver's nodes, where it has any. */
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

/** The lock manager of a started coordinator; undefined also for a mock, which may answer anything. */
export function startedManagerOf(provider: LockProvider): LockManager | undefined {
  const manager = managerIn(provider);
  return manager === MOCK ? undefined : manager;
}

/** @throws LockCreationFailedError when the coordinator is not started, or is none */
export function lockManagerOf(provider: LockProvider, forWhat: ForWhat): LockManager {
  const manager = managerIn(provider);
  if (manager === MOCK) throw noCoordinator(provider, forWhat);
  if (manager) return manager;
  throw new LockCreationFailedError(
    `${textOf(forWhat)}: the coordinator of member ${provider.memberId} is not started; it starts in onModuleInit (constructors run before that) and stops at shutdown, or call coordinator.start(); a testing module starts it when its init() is called`,
  );
}
