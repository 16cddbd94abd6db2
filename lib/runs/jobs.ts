import { InvalidOptionsError } from '../errors.js';
import { quoted } from '../common/quoted.js';
import type { LockProvider } from '../lock/index.js';
import { Job, type JobSettings } from './job.js';

/** The jobs of one coordinator, by their names. */
export class Jobs {
  readonly #jobs = new Map<string, Job>();

  constructor(private readonly provider: LockProvider) {}

  /**
   * @param method that it runs, as `ReportService.nightly`, where that is known
   * @throws InvalidOptionsError when the job has other settings already
   */
  of(settings: JobSettings, method?: string): Job {
    const there = this.#jobs.get(settings.name);
    if (!there) {
      const job = new Job(settings, this.provider, method);
      this.#jobs.set(settings.name, job);
      return job;
    }
    if (JSON.stringify(there.settings) === JSON.stringify(settings)) return there;
    throw new InvalidOptionsError(
      `Job ${quoted(settings.name)}: it is used with two sets of options; give each method a name of its own, as @RunOnce('…')`,
    );
  }

  find(name: string): Job | undefined {
    return this.#jobs.get(name);
  }

  all(): readonly Job[] {
    return [...this.#jobs.values()];
  }
}

const jobs = new WeakMap<LockProvider, Jobs>();

/** The jobs that this process runs with a coordinator. */
export function jobsOf(provider: LockProvider): Jobs {
  let there = jobs.get(provider);
  if (!there) jobs.set(provider, (there = new Jobs(provider)));
  return there;
}
