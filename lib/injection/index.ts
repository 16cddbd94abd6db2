export { copyFace } from './copy-face.js';
export { declaringClass, labelOf } from './method-label.js';
export { bindHost, boundProvider, injectCoordinator, wantsCoordinator } from './host-binding.js';
export { methodsOf } from './methods-of.js';
export { isStandardDecorator, standardDecorators } from './standard-decorators.js';
