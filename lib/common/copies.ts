import { Logger } from '@nestjs/common';
import { logSafely } from './log-safely.js';

/** Where every copy of this package in a process finds the others. */
const COPIES = Symbol.for('nestjs-coordination:copies');

interface Copies {
  /** Where the code of each copy stands. */
  readonly places: Set<string>;
  /** Whether a module was made: a copy that is loaded later then warns when it is loaded. */
  inUse: boolean;
  told: boolean;
}

const shared = globalThis as { [COPIES]?: Copies };
const copies = (shared[COPIES] ??= { places: new Set(), inUse: false, told: false });
copies.places.add(here());
if (copies.inUse) warnOfCopies();

/**
 * Warns, once in a process, when the package was loaded from several places: a class that was decorated by one copy does not find
 * the coordinator of another one, and Nest then says that it cannot resolve a dependency.
 */
export function warnOfCopies(): void {
  copies.inUse = true;
  if (copies.places.size < 2 || copies.told) return;
  copies.told = true;
  logSafely(() =>
    new Logger('CoordinationModule').warn(
      `${copies.places.size} copies of nestjs-coordination are loaded (${[...copies.places].join(', ')}); @Synchronized of one copy does not find the coordinator of another one: install one for all, see npm ls nestjs-coordination`,
    ),
  );
}

/** Without `import.meta`, which Jest on Nest 11 cannot compile to CommonJS. A module that is loaded again stands where it stood. */
function here(): string {
  const [, line = ''] = new Error().stack?.split('\n') ?? [];
  return line
    .replace(/^\s*at (?:\w+ \()?/, '')
    .replace(/\)$/, '')
    .replace(/\?[^:]*/, '');
}
