export { LockParam } from './lock-param.decorator.js';
export { LockScope } from './lock-scope.decorator.js';
export { kindOf, type NamingDecorator, namingOf } from './naming-of.js';
