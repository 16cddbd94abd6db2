import { injectCoordinator } from '../../injection/index.js';
import type { Leadership } from '../election.js';
import { addUse, decorated, type ElectionDecorator, type ElectionOptions } from './election-use.js';

type Listener = (leadership: Leadership) => unknown;

/**
 * The decorator that `@OnElected` and `@OnDemoted` make, for methods that take a leadership, or nothing.
 *
 * @publicApi
 */
export interface ElectionListenerDecorator {
  <M extends Listener>(
    target: object,
    propertyKey: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void;
  /** Never called like that: it makes this a `MethodDecorator`, for `applyDecorators`. */
  (): void;
}

/**
 * Calls the method with the leadership when this replica was elected, once for each term: `isLeader` is true by then, and the method
 * runs under the leader's lease. Its class campaigns from `onApplicationBootstrap` on, unless the coordinator's option `candidate` is false. What it
 * throws is logged.
 *
 * @throws InvalidOptionsError when the class is loaded, naming class and method; at boot for a class that is made for each request
 * @example
 * \@OnElected('quota')
 * async start({ term, signal }: Leadership): Promise<void> {}
 *
 * @publicApi
 */
export function OnElected(election: string, options: ElectionOptions = {}): ElectionListenerDecorator {
  return listenerDecorator('@OnElected', election, options);
}

/**
 * Calls the method with the leadership when this replica leads no more, once for each term: `isLeader` is false and the signal of the
 * leadership has aborted by then. Never called on a replica that did not lead. After a resignation the lock is held until the method
 * has ended. Otherwise as {@link OnElected}.
 *
 * @throws InvalidOptionsError when the class is loaded, naming class and method; at boot for a class that is made for each request
 * @example
 * \@OnDemoted('quota')
 * async end({ term }: Leadership): Promise<void> {}
 *
 * @publicApi
 */
export function OnDemoted(election: string, options: ElectionOptions = {}): ElectionListenerDecorator {
  return listenerDecorator('@OnDemoted', election, options);
}

function listenerDecorator(
  decorator: ElectionDecorator,
  election: string,
  options: ElectionOptions,
): ElectionListenerDecorator {
  const decorate = (
    target: object,
    propertyKey: string | symbol,
    descriptor: PropertyDescriptor | undefined,
  ): void => {
    const { use, method } = decorated({ decorator, election, options }, target, propertyKey, descriptor);
    addUse(method, use);
    injectCoordinator(target, use.coordinator, decorator);
  };
  return decorate as ElectionListenerDecorator;
}
