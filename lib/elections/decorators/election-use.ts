import { shown } from '../../common/checks.js';
import { InvalidOptionsError } from '../../errors.js';
import { isStandardDecorator, labelOf, methodsOf, standardDecorators } from '../../injection/index.js';
import { makeKnown } from '../../common/call-origin.js';
import { electionLock } from '../candidacy.js';
import { checkElectionName } from '../election-handle.js';

/**
 * The options of `@LeaderOnly`, `@OnElected` and `@OnDemoted`.
 * @publicApi
 */
export interface ElectionOptions {
  /** The name of the coordinator, where the application has several. */
  readonly coordinator?: string | undefined;
}

export type ElectionDecorator = '@OnElected' | '@OnDemoted' | '@LeaderOnly';

/** One decorator on a method. */
export interface ElectionUse {
  readonly decorator: ElectionDecorator;
  readonly election: string;
  readonly coordinator: string | undefined;
  /** `QuotaService.balance`, for messages. */
  readonly label: string;
}

/** Where a method keeps its uses; wrappers of other decorators copy it. */
const USES = Symbol.for('nestjs-coordination:election-uses');

/** A decorated method, checked. */
export interface Decorated {
  readonly use: ElectionUse;
  readonly method: object;
  /** How its messages begin. */
  readonly where: string;
}

/** @throws InvalidOptionsError when the decorator is on no method of an object, or was given something wrong */
export function decorated(
  wanted: Pick<ElectionUse, 'decorator' | 'election'> & { readonly options: ElectionOptions },
  target: object,
  propertyKey: string | symbol,
  descriptor: PropertyDescriptor | undefined,
): Decorated {
  const { decorator, election, options } = wanted;
  if (isStandardDecorator(propertyKey)) throw standardDecorators(decorator);
  const label = labelOf(target, propertyKey);
  const where = `${decorator} on ${label}`;
  if (typeof target === 'function') {
    throw new InvalidOptionsError(
      `${where}: it is static; decorate a method of an instance that Nest provides`,
    );
  }
  const method: unknown = descriptor?.value;
  if (typeof method !== 'function' || typeof propertyKey === 'symbol') {
    throw new InvalidOptionsError(
      `${where}: it is no method with a name of text (an arrow-function property or an accessor is none); write it as a method`,
    );
  }
  checkElectionName(election, where);
  return { use: { decorator, election, coordinator: coordinatorIn(options, where), label }, method, where };
}

function coordinatorIn(options: ElectionOptions, where: string): string | undefined {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    throw new InvalidOptionsError(`${where}: its options must be an object, got ${shown(given)}`);
  }
  const unknown = Object.keys(given).filter((key) => key !== 'coordinator');
  if (unknown.length > 0) {
    throw new InvalidOptionsError(`${where}: unknown options: ${unknown.join(', ')}; known is coordinator`);
  }
  const { coordinator }: { readonly coordinator?: unknown } = options;
  if (coordinator === undefined || (typeof coordinator === 'string' && coordinator !== ''))
    return coordinator;
  throw new InvalidOptionsError(
    `${where}: coordinator must be the name of a coordinator, got ${shown(coordinator)}`,
  );
}

export function addUse(method: object, use: ElectionUse): void {
  makeKnown({ kind: 'election', name: use.election });
  makeKnown({ kind: 'lock', name: electionLock(use.election) });
  // A new list each time: other functions may share the old one.
  Reflect.defineMetadata(USES, [...usesOf(method), use], method);
}

export function usesOf(method: object): readonly ElectionUse[] {
  const uses: unknown = Reflect.getOwnMetadata(USES, method);
  return Array.isArray(uses) ? (uses as ElectionUse[]) : [];
}

/** The uses of a class, with the names of their methods. */
export function usesOfClass(prototype: unknown): { readonly name: string; readonly use: ElectionUse }[] {
  return methodsOf(prototype).flatMap(({ name, method }) => usesOf(method).map((use) => ({ name, use })));
}
