import { CASES } from './cases/index.js';
import { CASE_LIMIT, caseOf, type DriverCase, type DriverSuiteOptions } from './suite-case.js';

/** The runner's limit for a case, ms. The suite's own limit is shorter and ends a case first: its message says what it waited for. */
const RUNNER_LIMIT = 2 * CASE_LIMIT + 5000;

/**
 * The two functions that the suite needs of a test runner. `describe` and `it` of vitest, Jest and `node:test` fit.
 * @publicApi
 */
export interface SuiteRunner {
  /** Groups tests. */
  readonly describe: (name: string, define: () => void) => unknown;
  /** Defines one test, which may take `timeout` ms. */
  readonly it: (name: string, run: () => Promise<void>, timeout?: number) => unknown;
}

/**
 * The cases that a driver must pass: those for every driver, and those for each trait that it claims. The cases need no test runner and
 * may run in any order. They leave locks and records behind, under names that nothing else uses.
 *
 * @throws Error when the traits have neither `lease` nor `process`, or both
 * @example
 * for (const { name, run } of driverSuite({ create: (context) => new MySqlDriver(url, context), traits: ['lease'] })) test(name, run);
 *
 * @publicApi
 */
export function driverSuite(options: DriverSuiteOptions): readonly DriverCase[] {
  const { traits } = options;
  if (traits.includes('lease') === traits.includes('process'))
    throw new Error('driverSuite: traits must have one of "lease" and "process"');
  return CASES.filter(({ part }) => part === 'mandatory' || traits.includes(part))
    .filter(({ also }) => also === undefined || traits.includes(also))
    .map((definition) => caseOf(definition, options));
}

/**
 * Defines one test for each case of {@link driverSuite}.
 *
 * @throws Error when the traits have neither `lease` nor `process`, or both
 * @example
 * import { describe, it } from 'node:test';
 * describeDriver('mysql', { create: (context) => new MySqlDriver(url, context), traits: ['lease'] }, { describe, it });
 *
 * @publicApi
 */
export function describeDriver(
  name: string,
  options: DriverSuiteOptions,
  { describe, it }: SuiteRunner,
): void {
  describe(`the ${name} driver`, () => {
    for (const { name: promise, part, run } of driverSuite(options))
      it(part === 'mandatory' ? promise : `${part}: ${promise}`, run, RUNNER_LIMIT);
  });
}
