import { type Clock, systemClock } from '../../common/clock.js';
import type { CoordinationOptions } from '../../coordination.options.js';
import { InvalidOptionsError } from '../../errors.js';
import { type Examined, readOptions } from './examined.js';
import { type Diagnosis, diagnosisOf, type Finding, Findings } from './finding.js';
import { examinePostgres } from './postgres/index.js';

/** How each kind of back end is examined; its client is loaded when it is needed. */
const EXAMINERS: Readonly<Record<string, (examined: Examined) => Promise<readonly Finding[]>>> = {
  redis: async (examined) => (await import('./redis/index.js')).examineRedis(examined),
  postgres: examinePostgres,
  file: async (examined) => (await import('./file/index.js')).examineFile(examined),
  memory: async () => {
    const findings = new Findings('memory');
    findings.note(
      'directory',
      'locks are in the memory of one process',
      'replicas do not exclude each other; it is meant for tests',
      'give another backendUrl in production',
    );
    return findings.all;
  },
};

/**
 * Looks at a back end as a coordinator with these options would use it. Takes no lock of the application, and leaves nothing behind.
 * Never rejects because of the back end: its findings tell the problems.
 *
 * @param options those of `CoordinationModule.forRoot`, without `driver` and ready clients
 */
export async function examine(options: CoordinationOptions, clock: Clock = systemClock): Promise<Diagnosis> {
  let examined: Examined;
  try {
    examined = readOptions(options, clock);
  } catch (error) {
    return diagnosisOf(undefined, wrongOptions(error));
  }
  try {
    return diagnosisOf(examined.kind, (await EXAMINERS[examined.kind]?.(examined)) ?? []);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return diagnosisOf(examined.kind, wrongOptions(error));
    throw error;
  }
}

function wrongOptions(error: unknown): readonly Finding[] {
  const findings = new Findings('options');
  // Such an error quotes no value that may be a password.
  const what = error instanceof Error ? error.message : String(error);
  findings.problem('options', what, 'the coordinator does not start', 'correct the URL or the options');
  return findings.all;
}
