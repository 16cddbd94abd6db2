import { HttpException } from '@nestjs/common';
import { firstLineOf } from '../../common/quoted.js';
import { LockNameError } from '../../errors.js';
import { labelOf } from '../../injection/index.js';
import { type LockNames, LockNameTemplate, namesOnce } from '../../lock/name/index.js';
import type { LockNameFunction, SynchronizedDefinition } from '../definition/index.js';
import { type BoundTemplate, bindTemplate } from './parameter-lookup.js';

const ONE_NAME = 'make one name of the values, as `<a>-<b>` does, or take several locks by @Synchronized';

/** A permit has one name: permits of several semaphores are not taken together. */
export type NamingDecorator = '@Synchronized' | '@Limited';

type Naming = Pick<SynchronizedDefinition, 'nameOf' | 'constant' | 'namedAfter' | 'namedAfterThis'>;

/**
 * How a method names its lock.
 * @throws LockNameError for a name that no call could have
 */
export function namingOf(
  lockName: LockNames | LockNameFunction,
  target: object,
  propertyKey: string | symbol,
  decorator: NamingDecorator,
): Naming {
  const where = labelOf(target, propertyKey);
  if (typeof lockName === 'function') {
    return {
      constant: false,
      nameOf: (self, args) => nameFrom(() => lockName.apply(self, args as never[]), where, decorator),
    };
  }
  const bind = (name: string): BoundTemplate =>
    bindTemplate(LockNameTemplate.parse(name, where), target, propertyKey);
  if (Array.isArray(lockName)) {
    if (decorator === '@Limited')
      throw new LockNameError(`@Limited on ${where}: it takes one name, not a list; ${ONE_NAME}`);
    return namingOfAll(lockName.map(bind), where);
  }
  const template = bind(lockName as string);
  const nameOf = (self: unknown, args: readonly unknown[]): string => template.render(self, args);
  const { constant, namedAfter, namedAfterThis } = template;
  return { nameOf, constant, namedAfter, namedAfterThis };
}

/** Each call takes the locks of all the names. */
function namingOfAll(templates: readonly BoundTemplate[], where: string): Naming {
  const nameOf = (self: unknown, args: readonly unknown[]): LockNames =>
    namesOnce(
      templates.map((template) => template.render(self, args)),
      where,
    );
  if (templates.length === 0) nameOf(undefined, []);
  return {
    nameOf,
    constant: templates.every(({ constant }) => constant),
    namedAfter: templates.find(({ namedAfter }) => namedAfter)?.namedAfter,
    namedAfterThis: templates.some(({ namedAfterThis }) => namedAfterThis),
  };
}

function nameFrom(make: () => unknown, where: string, decorator: NamingDecorator): LockNames {
  let made: unknown;
  try {
    made = make();
  } catch (cause) {
    // The application wants its client to get this error.
    if (cause instanceof HttpException) throw cause;
    throw new LockNameError(`${where}: its lock name function failed: ${firstLineOf(cause)}`, { cause });
  }
  if (typeof made === 'string' && made !== '') return made;
  const several = decorator === '@Synchronized';
  if (Array.isArray(made) && !several)
    throw new LockNameError(
      `@Limited on ${where}: its name function returned a list, and it takes one name; ${ONE_NAME}`,
    );
  if (Array.isArray(made) && made.every((name) => typeof name === 'string' && name !== ''))
    return namesOnce(made, where);
  if (made instanceof Promise) {
    // No other code handles its rejection.
    made.catch(() => undefined);
    throw new LockNameError(
      `${where}: its lock name function returned a promise; it must not be async: it makes the name out of the arguments alone`,
    );
  }
  throw new LockNameError(
    `${where}: its lock name function returned ${kindOf(made)}; it has to return a non-empty string${several ? ', or a list of such' : ''}`,
  );
}

/** Never the value: it may be a secret. */
export function kindOf(made: unknown): string {
  return made === '' ? 'an empty string' : made === null ? 'null' : typeof made;
}
