export { laterPartOf, readTooLate } from './call-extent.js';
export { lockedIterable } from './locked-iterable.js';
export { lockedObservable } from './locked-observable.js';
export { takesResponse } from './response-parameter.js';
export { Scope } from './scope.js';
export { SynchronizedInterceptor } from './synchronized.interceptor.js';
