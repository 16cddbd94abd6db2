import type { Driver, DriverFactory } from '../drivers/driver.js';
import { clockOffBy, recordingContext } from './suite-context.js';

/**
 * What a driver may have: leases that expire, or leases that end with the process; a queue; a watch for locks; locks that can be
 * shared.
 * @publicApi
 */
export type DriverTrait = 'lease' | 'process' | 'queue' | 'watch' | 'shared';

/**
 * What the suite needs to know of a driver.
 * @publicApi
 */
export interface DriverSuiteOptions {
  /**
   * Makes a new driver on the back end under test; it does not start it. Each driver stands for a process of its own, and all of them
   * share the back end.
   */
  readonly create: DriverFactory;
  /** The traits that the driver claims, and so has to prove: `lease` or `process`, and `queue`, `watch` and `shared` if it has them. */
  readonly traits: readonly DriverTrait[];
}

/**
 * One promise of the port.
 * @publicApi
 */
export interface DriverCase {
  /** The promise as a sentence. */
  readonly name: string;
  /** `mandatory`: every driver must keep the promise. A trait: every driver that claims it must. */
  readonly part: 'mandatory' | DriverTrait;
  /** Makes drivers, checks that they keep the promise, and stops them. Rejects if they do not; settles within a minute. */
  readonly run: () => Promise<void>;
}

/** The drivers of one case. */
export interface SuiteBench {
  readonly a: Driver;
  readonly b: Driver;
  readonly contextOfA: ReturnType<typeof recordingContext>;
  readonly options: DriverSuiteOptions;
  /** Makes and starts one more driver, whose wall clock is wrong by so many ms. */
  readonly member: (clockOff?: number) => Promise<Driver>;
  /** Makes one more driver; does not start it. */
  readonly create: () => Promise<Driver>;
}

/** A case before it gets its drivers. */
export interface CaseDefinition {
  readonly name: string;
  readonly part: DriverCase['part'];
  /** Another trait that the driver must have for this case. */
  readonly also?: DriverTrait | undefined;
  readonly body: (bench: SuiteBench) => Promise<void>;
}

/** How long one case may take, ms. */
export const CASE_LIMIT = 60_000;

export function defineCases(
  part: DriverCase['part'],
  bodies: Record<string, CaseDefinition['body']>,
  also?: DriverTrait,
) {
  return Object.entries(bodies).map(([name, body]): CaseDefinition => ({ name, part, also, body }));
}

export function caseOf({ name, part, body }: CaseDefinition, options: DriverSuiteOptions): DriverCase {
  return { name, part, run: () => runCase(body, options) };
}

async function runCase(body: CaseDefinition['body'], options: DriverSuiteOptions): Promise<void> {
  const drivers: Driver[] = [];
  const create = async (context = recordingContext()): Promise<Driver> => {
    const driver = await options.create(context);
    drivers.push(driver);
    return driver;
  };
  const member = async (clockOff = 0): Promise<Driver> => {
    const driver = await create({ ...recordingContext(), clock: clockOffBy(clockOff) });
    await driver.start();
    return driver;
  };
  const contextOfA = recordingContext();
  const steps = async (): Promise<void> => {
    const a = await create(contextOfA);
    const b = await create();
    await Promise.all([a.start(), b.start()]);
    await body({ a, b, contextOfA, options, member, create: () => create() });
  };
  try {
    await withinLimit(steps(), 'the driver did not answer');
  } finally {
    await withinLimit(Promise.all(drivers.map((driver) => driver.stop())), 'the driver did not stop');
  }
}

/** Limits each step separately: the runner's own limit would not tell which of them took too long. */
async function withinLimit(work: Promise<unknown>, complaint: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${complaint} within ${CASE_LIMIT} ms`)), CASE_LIMIT);
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
