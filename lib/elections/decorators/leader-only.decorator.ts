import { quoted } from '../../common/quoted.js';
import { InvalidOptionsError } from '../../errors.js';
import { boundProvider, copyFace, injectCoordinator } from '../../injection/index.js';
import { theRunningProviderNamed } from '../../lock/index.js';
import { returnKindOf } from '../../synchronized/definition/index.js';
import { laterPartOf } from '../../synchronized/scope/index.js';
import { electionsOf } from '../elections.js';
import { addUse, decorated, type ElectionOptions, type ElectionUse, usesOf } from './election-use.js';

type Method = (...args: never[]) => Promise<unknown>;
type Call = (this: unknown, ...args: unknown[]) => unknown;

/**
 * The decorator that `@LeaderOnly` makes, for methods that return a promise.
 *
 * @publicApi
 */
export interface LeaderOnlyDecorator {
  <M extends Method>(
    target: object,
    propertyKey: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void;
  /** Never called like that: it makes this a `MethodDecorator`, for `applyDecorators`. */
  (): void;
}

/**
 * Runs the method only on the replica that leads the election. On the others it resolves to `undefined` at once. It
 * may stand above or below `@Cron`. Its class campaigns from `onApplicationBootstrap` on, unless the coordinator's option `candidate` is false.
 *
 * The body runs under the lease of the leadership, so `currentLease()` has the term as its `fencingToken`, and a signal that
 * aborts when the term ends. After a resignation the next leader waits for the body. The method rejects with
 * LeaseLostError (409) when the leadership was lost while the body ran.
 *
 * @throws InvalidOptionsError when the class is loaded, naming class and method; at boot for a class that is made for each request
 * @example
 * \@Cron('0 * * * *')
 * \@LeaderOnly('quota')
 * async balance(): Promise<void> {
 *   await this.quotas.balance({ signal: currentLease()?.signal });
 * }
 *
 * @publicApi
 */
export function LeaderOnly(election: string, options: ElectionOptions = {}): LeaderOnlyDecorator {
  const decorate = (
    target: object,
    propertyKey: string | symbol,
    descriptor: PropertyDescriptor | undefined,
  ): void => {
    const wanted = { decorator: '@LeaderOnly', election, options } as const;
    const { use, method, where } = decorated(wanted, target, propertyKey, descriptor);
    if (usesOf(method).some(({ decorator }) => decorator === '@LeaderOnly')) {
      throw new InvalidOptionsError(
        `${where}: it is there already; one method has one leader, so leave one out`,
      );
    }
    if (returnKindOf(method, Reflect.getMetadata('design:returntype', target, propertyKey)) !== 'promise')
      throw readLater(where);
    const wrapper = wrap(method as Call, use);
    copyFace(method, wrapper);
    addUse(wrapper, use);
    if (descriptor) descriptor.value = wrapper;
    injectCoordinator(target, use.coordinator, '@LeaderOnly');
  };
  return decorate as LeaderOnlyDecorator;
}

function wrap(method: Call, use: ElectionUse): Call {
  return function (...args) {
    return runAsLeader(use, this, () => method.apply(this, args));
  };
}

async function runAsLeader(use: ElectionUse, self: unknown, body: () => unknown): Promise<unknown> {
  const { label, election, coordinator } = use;
  const provider = boundProvider(self, coordinator) ?? theRunningProviderNamed(coordinator, label);
  const elections = electionsOf(provider, label);
  const leadership = elections.leadershipOf(election);
  if (!leadership) {
    elections.log.debug(
      () => `Election ${quoted(election)}: "${label}" does not run, as this replica does not lead`,
    );
    return undefined;
  }
  const result = await leadership.run(label, body);
  if (laterPartOf(result)) throw readLater(label);
  if (leadership.lost) throw leadership.lost;
  return result;
}

function readLater(where: string): InvalidOptionsError {
  return new InvalidOptionsError(
    `${where}: it returns what is read later (an Observable, a stream, an async iterable), when this replica may lead no more; return a promise of what the caller needs`,
  );
}
