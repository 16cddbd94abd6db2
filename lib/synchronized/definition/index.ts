export {
  decoratedAt,
  defineSynchronized,
  definitionOf,
  isAsyncIterable,
  isWrapper,
  knowSynchronized,
  noteDecorated,
  providerOf,
  returnKindOf,
  type SynchronizedDefinition,
} from './definition.js';
export {
  checkLimitedOptions,
  checkSynchronizedOptions,
  type LimitedOptions,
  type LimitNameFunction,
  type LockNameFunction,
  type SynchronizedOptions,
  type SynchronizedResult,
} from './synchronized.options.js';
export { takeLease } from './take-lease.js';
