import type { ModulesContainer } from '@nestjs/core';
import { shown } from '../common/checks.js';
import { quoted } from '../common/quoted.js';
import type { CoordinatorService } from '../coordinator.service.js';
import { InvalidOptionsError } from '../errors.js';
import { exploreJobs, runForTick } from '../run-once/index.js';
import type { LastRun } from '../runs/index.js';

interface NamedCoordinator {
  readonly coordinator: CoordinatorService;
  readonly name?: string;
}

/**
 * Runs a job of the application for a tick.
 * @param tick Unix time, ms
 * @throws InvalidOptionsError when there is no such job; BackendUnavailableError
 */
export async function runJobFor(
  name: string,
  tick: number,
  modules: ModulesContainer | undefined,
  coordinators: readonly NamedCoordinator[],
): Promise<LastRun | undefined> {
  if (!Number.isFinite(tick))
    throw new InvalidOptionsError(
      `kit.runTick(${quoted(name)}): the tick must be a Date or Unix time in ms, got ${shown(tick)}`,
    );
  const jobs = coordinators.flatMap(({ coordinator, name: its }) =>
    modules ? exploreJobs(modules, its, coordinator).map((hosted) => ({ hosted, coordinator })) : [],
  );
  const job = jobs.find(({ hosted }) => hosted.name === name);
  if (!job) {
    const known = jobs.map(({ hosted }) => quoted(hosted.name)).join(', ');
    throw new InvalidOptionsError(
      `kit.runTick(${quoted(name)}): the application has no job of that name under @RunOnce; it has ${known || 'none'}`,
    );
  }
  const failed = await runForTick(job.hosted, tick).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const last = await job.coordinator.lastRun(name);
  // The record has the error of the job; it has no other error.
  if (failed && (last?.outcome !== 'failed' || last.tick.getTime() !== tick)) throw failed.error;
  return last;
}
