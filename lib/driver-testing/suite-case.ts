import type { Driver, DriverFactory } from '../drivers/driver.js';
import { clockOffBy, recordingContext } from './suite-context.js';

/**
 * What a driver may have or be: leases that expire, or leases that end with the process; a queue; a watch for locks; locks that may
 * be shared.
 * @publicApi
 */
export type DriverTrait = 'lease' | 'process' | 'queue' | 'watch' | 'shared';

/**
 * What the suite has to know of a driver.
 * @publicApi
 */
export interface DriverSuiteOptions {
  /**
   * Makes a new driver on the back end under test; not started. Each one stands for a process of its own, and all of them share
   * the back end.
   */
  readonly create: DriverFactory;
  /** What the driver claims, and so has to show: `lease` or `process`, and `queue`, `watch` and `shared` where it has them. */
  readonly traits: readonly DriverTrait[];
}

/**
 * One promise of the port.
 * @publicApi
 */
export interface DriverCase {
  /** The promise as a sentence. */
  readonly name: string;
  /** `mandatory`: every driver has to keep it. A trait: every driver that claims it. */
  readonly part: 'mandatory' | DriverTrait;
  /** Makes drivers, looks whether they keep the promise, and stops them. Rejects if they do not; settles within a minute. */
  readonly run: () => Promise<void>;
}

/** The drivers of one case. */
export interface SuiteBench {
  readonly a: Driver;
  readonly b: Driver;
  readonly contextOfA: ReturnType<typeof recordingContext>;
  readonly options: DriverSuiteOptions;
  /** One more; started. Its wall clock is wrong by so many ms. */
  readonly member: (clockOff?: number) => Promise<Driver>;
  /** One more; not started. */
  readonly create: () => Promise<Driver>;
}

/** A case that has not been given its drivers yet. */
export interface CaseDefinition {
  readonly name: string;
  readonly part: DriverCase['part'];
  /** A further trait without which the promise means nothing. */
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

/** The runner's own limit would not tell which of both it was. */
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
