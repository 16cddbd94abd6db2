export { bindAllHosts, checkClassNames, checkConstantNames } from './host-explorer.js';
export { Synchronized, type SynchronizedDecorator } from './synchronized.decorator.js';
