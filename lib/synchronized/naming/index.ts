export { LockParam } from './lock-param.decorator.js';
export { LockScope } from './lock-scope.decorator.js';
export { bindTemplate } from './parameter-lookup.js';
