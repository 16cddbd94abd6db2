export { classNameOf, nameClass } from './class-name.js';
export {
  joinedName,
  literalLockName,
  type LockNames,
  LockNameTemplate,
  namesOnce,
  sameNames,
} from './lock-names.js';
export { lockNameError } from './lock-name-error.js';
export { type Fail, isFieldName } from './parser.js';
