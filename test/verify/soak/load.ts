import { BackendUnavailableError, LeaseLostError, LockAcquireFailedError } from 'nestjs-coordination';
import { startApplication } from './application.js';
import { chooseCycle } from './cycles.js';
import { randomFrom } from './random.js';

const CONTENDED_NAMES = 6;

export interface LoadOptions {
  readonly backendUrl: string;
  readonly leasesExpire: boolean;
  readonly workers: number;
  readonly newNames: number;
  readonly seed: number;
  /** In front of the new names, so that they are new. */
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** Counts what was reached. */
  readonly count: (outcome: string) => void;
  /** Told once the application has started. */
  readonly onStarted?: () => void;
  /** Asked before each cycle. */
  readonly goOn: () => boolean;
}

/** Starts an application, has its workers take locks in every way until told to end, and stops it. */
export async function load(options: LoadOptions): Promise<void> {
  const application = await startApplication(options.backendUrl);
  options.onStarted?.();
  try {
    await Promise.all(Array.from({ length: options.workers }, (_, worker) => work(worker)));
  } finally {
    await application.stop();
  }

  async function work(worker: number): Promise<void> {
    const { backendUrl, leasesExpire, signal, count } = options;
    const random = randomFrom(options.seed + worker);
    const { coordinators } = application;
    const [coordinator, other] = worker % 2 === 0 ? coordinators : coordinators.toReversed();
    if (!coordinator || !other) return;
    for (let cycle = 0; options.goOn(); cycle += 1) {
      const name =
        random() < options.newNames
          ? `${options.prefix}-${worker}-${cycle}`
          : `contended-${Math.floor(CONTENDED_NAMES * random())}`;
      const context = {
        application,
        backendUrl,
        leasesExpire,
        coordinator,
        other,
        name,
        random,
        signal,
        count,
      };
      try {
        await chooseCycle(random)(context);
      } catch (error) {
        count(expected(error));
      }
    }
  }
}

/** How an outcome is called that a caller has to reckon with. @throws anything else */
function expected(error: unknown): string {
  if (error instanceof LeaseLostError) return 'lost';
  if (error instanceof LockAcquireFailedError) return 'refused';
  if (error instanceof BackendUnavailableError) return 'back end away';
  throw error;
}
