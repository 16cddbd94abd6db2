export { classNameOf, nameClass } from './class-name.js';
export { literalLockName } from './literal.js';
export { joinedName, type LockNames, namesOnce, sameNames } from './lock-names.js';
export { lockNameError } from './lock-name-error.js';
export { type Fail, isFieldName } from './parser.js';
export { LockNameTemplate } from './template.js';
