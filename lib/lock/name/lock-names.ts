import { shown } from '../../common/checks.js';
import { LockNameError } from '../../errors.js';
import { lockNameError } from './lock-name-error.js';
import { LockNameParser, type Fail, type Field, type Part } from './parser.js';
import { fieldText, isClassName } from './values.js';

/** A lock, or several that are taken together. */
export type LockNames = string | readonly string[];

/**
 * Keeps each name once. A single name is a plain lock.
 * @param where the names stand, for the message
 * @throws LockNameError for a list without names
 */
export function namesOnce(names: readonly string[], where: string): LockNames {
  const [first, ...others] = new Set(names);
  if (first === undefined)
    throw new LockNameError(`${where}: its list of lock names is empty; name what is to be locked`);
  return others.length === 0 ? first : [first, ...others];
}

/** Whether they are the same, in the same order. */
export function sameNames(a: LockNames, b: LockNames): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

/** The joint name of several locks. */
export function joinedName(names: LockNames): string {
  return typeof names === 'string' ? names : names.join(' + ');
}

/** The format string that renders to exactly `name`: every bracket in it is doubled. */
export function literalLockName(name: string): string {
  if (typeof name !== 'string' || name === '') {
    throw new LockNameError(`getLock: the name of a lock must be a non-empty string, got ${shown(name)}`);
  }
  return name.replaceAll(/[<>{}]/g, '$&$&');
}

/**
 * A lock name with fields, such as `<fName>-<share.id>`: parsed once, rendered many times.
 *
 * A field stands in `<…>` or `{…}`: a name, then attributes (`share.host.name`) or keys (`snap[name]`, `list[0]`; any
 * character up to the `]` belongs to the key, and a key of a Map reads its entries). `<<`, `>>`, `{{` and `}}` are the
 * literal brackets. Values are put in as they are.
 *
 * @example
 * LockNameTemplate.parse('extend-<share.id>').render((root) => data[root], 'ShareService.extend');
 */
export class LockNameTemplate {
  readonly source: string;
  /** The first segment of every field: 'share', 'this', 'fName', … each once, in order of appearance. */
  readonly roots: readonly string[];
  /** Whether a field is `this.constructor.name`. */
  readonly namesClassOfThis: boolean;
  readonly #parts: readonly Part[];

  private constructor(source: string, parts: readonly Part[]) {
    this.source = source;
    this.#parts = parts;
    const fields = parts.filter((part): part is Field => typeof part !== 'string');
    this.roots = Object.freeze([...new Set(fields.map((field) => field.root))]);
    this.namesClassOfThis = fields.some(({ steps }) => steps.some(isClassName));
  }

  /**
   * Reads a template. `where` names the class and method (or the lock) in the message of an error.
   * Throws `LockNameError` when it is not a string, empty or malformed.
   */
  static parse(template: string, where?: string): LockNameTemplate {
    if (typeof template !== 'string') {
      const given = template === null ? 'null' : typeof template;
      throw lockNameError('', where, `it has to be a string, not ${given}`);
    }
    const fail: Fail = (problem) => {
      throw lockNameError(template, where, problem);
    };
    if (template === '') return fail('it is empty; name what the lock protects');
    return new LockNameTemplate(template, new LockNameParser(template, fail).parse());
  }

  /**
   * Fills in the fields. `lookup` gives the value of a root; `where` names the class and method (or the lock) in the
   * message of an error. Throws `LockNameError`, naming the field, for a value that cannot name a lock.
   */
  render(lookup: (root: string) => unknown, where: string): string {
    let name = '';
    for (const part of this.#parts) {
      name += typeof part === 'string' ? part : this.#fill(part, lookup, where);
    }
    return name;
  }

  #fill(field: Field, lookup: (root: string) => unknown, where: string): string {
    const fail: Fail = (problem) => {
      throw lockNameError(this.source, where, problem);
    };
    try {
      return fieldText(field, lookup(field.root), fail);
    } catch (error) {
      if (error instanceof LockNameError) throw error;
      // A getter or a proxy of the application threw; its own message may hold data, so it is only the cause.
      throw lockNameError(this.source, where, `reading ${field.text} threw an error; see its cause`, error);
    }
  }
}
