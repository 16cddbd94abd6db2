export { bindAllHosts, checkClassNames, checkConstantNames, knowWrappedMethods } from './host-explorer.js';
export { Limited } from './limited.decorator.js';
export type { LimitedOptions } from './definition/index.js';
export { Synchronized, type SynchronizedDecorator } from './synchronized.decorator.js';
