import { InvalidOptionsError } from '../errors.js';

/** Whether a decorator was called as the standard wants it, with a context as its second argument. https://tc39.es/proposal-decorators/ */
export function isStandardDecorator(context: unknown): boolean {
  return typeof context === 'object' && context !== null && 'kind' in context && 'addInitializer' in context;
}

/** @param where the decorator and what it stands on */
export function standardDecorators(where: string): InvalidOptionsError {
  return new InvalidOptionsError(
    `${where}: it was compiled as a standard decorator, and Nest's are legacy ones; set "experimentalDecorators": true and "emitDecoratorMetadata": true in tsconfig.json, or the same in the options of esbuild, SWC, Babel or Vitest`,
  );
}
