import { InvalidOptionsError } from '../../errors.js';
import { nameClass } from '../../lock/name/index.js';
import { isStandardDecorator, standardDecorators } from '../../injection/index.js';

/**
 * Names a class for the lock names of `@Synchronized`, in place of the name that it has in the source: `<className>` is this
 * text then, however a build renames the class. Give it to every class whose lock names have `<className>` in them, directly above
 * the class: where a decorator in between returns another class, that one gets the name, and `<className>` is the class that
 * declares the method.
 *
 * @throws InvalidOptionsError for a name that is no text, or empty
 * @example
 * \@LockScope('NightlyService')
 * \@Injectable()
 * export class NightlyService {
 *   \@Synchronized('<className>-<fName>', { onNotAcquired: 'skip' })
 *   async clean(): Promise<void> {}
 * }
 *
 * @publicApi
 */
export function LockScope(name: string): ClassDecorator {
  return (target: Function, context?: unknown) => {
    if (isStandardDecorator(context)) throw standardDecorators(`@LockScope on class ${target.name}`);
    if (typeof name !== 'string' || name === '')
      throw new InvalidOptionsError(
        `@LockScope on class ${target.name}: the name has to be a non-empty string`,
      );
    nameClass(target, name);
  };
}
