import { Logger } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { logSafely } from '../common/log-safely.js';
import { quoted } from '../common/quoted.js';
import { InvalidOptionsError } from '../errors.js';
import { bindHost, methodsOf, type Provided, providedBy, prototypeOf } from '../injection/index.js';
import type { LockProvider } from '../lock/index.js';
import { givenName, jobSettings, runOnceOf, type RunOnceDefinition, scheduleOn } from './definition.js';
import { jobsOf } from '../runs/index.js';
import { periodProblems } from './run-once.options.js';
import { isSchedulerRegistry, SchedulerLink } from './schedule/index.js';
import { linkScheduler } from './trigger.js';

/** One method under `@RunOnce` of one object that Nest provides. */
export interface HostedJob {
  readonly host: object;
  readonly definition: RunOnceDefinition;
  readonly name: string;
  readonly link: SchedulerLink | undefined;
}

/**
 * Finds the jobs of one coordinator in an application, and gives each its coordinator and its scheduler.
 *
 * @throws InvalidOptionsError for a job that cannot work as it is written, naming class and method
 */
export function exploreJobs(
  modules: ModulesContainer,
  coordinator: string | undefined,
  provider: LockProvider,
): readonly HostedJob[] {
  const wrappers = [...hostsIn(modules)];
  const registry = wrappers.map(({ instance }) => instance).find(isSchedulerRegistry);
  const link = registry && SchedulerLink.of(registry);
  const hosted: HostedJob[] = [];
  for (const wrapper of wrappers) {
    for (const definition of definitionsOf(wrapper)) {
      if (definition.settings.coordinator !== coordinator) continue;
      const host = staticHost(wrapper, definition);
      if (!host) continue;
      bindHost(host, coordinator, provider);
      if (link) linkScheduler(host, link);
      hosted.push({ host, definition, link, name: jobSettings(definition, host).name });
    }
  }
  for (const job of hosted) checkSchedule(job);
  checkNames(hosted);
  // A test calls the jobs itself.
  if (!link && process.env.NODE_ENV !== 'test') warnOfNoScheduler(hosted);
  if (process.env.NODE_ENV === 'production') warnOfDerivedNames(hosted);
  for (const { host, definition } of hosted)
    jobsOf(provider).of(jobSettings(definition, host), definition.label);
  return hosted;
}

/** Each object once: it may be provided under an alias, or by two modules. */
function* hostsIn(modules: ModulesContainer): Iterable<Provided> {
  const seen = new Set<unknown>();
  for (const provided of providedBy(modules)) {
    const { instance } = provided;
    if (typeof instance === 'object' && instance !== null && seen.has(instance)) continue;
    seen.add(instance);
    yield provided;
  }
}

function definitionsOf(provided: Provided): RunOnceDefinition[] {
  return methodsOf(prototypeOf(provided))
    .map(({ method }) => runOnceOf(method))
    .filter((definition) => definition !== undefined);
}

function staticHost(wrapper: Provided, { label }: RunOnceDefinition): object | undefined {
  if (!wrapper.isDependencyTreeStatic())
    throw new InvalidOptionsError(
      `@RunOnce on ${label}: its class is made for each request, and a schedule has none; give the job a provider of its own that is not request-scoped`,
    );
  // A class that is imported lazily has no object yet.
  return typeof wrapper.instance === 'object' && wrapper.instance !== null ? wrapper.instance : undefined;
}

function checkSchedule({ host, definition }: HostedJob): void {
  const { label, settings } = definition;
  const { cron, interval, timeout } = scheduleOn(host, definition);
  const problems: string[] = [];
  if (cron && (settings.every !== undefined || settings.id !== undefined))
    problems.push('@Cron says when it runs; leave every and id out');
  if (interval !== undefined) problems.push(...periodProblems('the period of @Interval', interval));
  if (interval !== undefined && (settings.every !== undefined || settings.id !== undefined))
    problems.push('@Interval says when it runs; leave every and id out');
  if (timeout !== undefined && settings.every === undefined && settings.id === undefined)
    problems.push(
      "@Timeout fires once in each process, so say when a run counts: every: '1h' runs it at most once an hour, id: 'v42' once for each release",
    );
  if (settings.id !== undefined && timeout === undefined && !cron && interval === undefined)
    problems.push('id is for @Timeout; for work that is done once use coordinator.once(name, body)');
  if (settings.missed === 'once' && !cron) problems.push("missed: 'once' is for @Cron");
  if (problems.length > 0) throw new InvalidOptionsError(`@RunOnce on ${label}: ${problems.join('; ')}`);
}

function checkNames(hosted: readonly HostedJob[]): void {
  const owners = new Map<string, RunOnceDefinition>();
  for (const { name, definition } of hosted) {
    const there = owners.get(name);
    if (there && there !== definition)
      throw new InvalidOptionsError(
        `@RunOnce: ${there.label} and ${definition.label} are both called ${quoted(name)}, so one would run in place of the other; give each a name of its own, as @RunOnce('…')`,
      );
    owners.set(name, definition);
  }
}

function warnOfNoScheduler(hosted: readonly HostedJob[]): void {
  const scheduled = hosted.filter(({ host, definition }) => {
    const { cron, interval, timeout } = scheduleOn(host, definition);
    return cron !== undefined || interval !== undefined || timeout !== undefined;
  });
  if (scheduled.length === 0) return;
  const list = scheduled.map(({ definition }) => definition.label).join(', ');
  logSafely(() =>
    new Logger('CoordinationModule').warn(
      `Nothing calls ${list}: @Cron, @Interval and @Timeout need ScheduleModule.forRoot() of @nestjs/schedule among the imports of the application`,
    ),
  );
}

function warnOfDerivedNames(hosted: readonly HostedJob[]): void {
  const derived = hosted.filter(({ host, definition }) => givenName(definition, host) === undefined);
  if (derived.length === 0) return;
  const list = derived.map(({ name }) => name).join(', ');
  logSafely(() =>
    new Logger('CoordinationModule').warn(
      `Jobs are named after class and method (${list}): one that is renamed runs once more during a deployment; give each a name that stays, as @RunOnce('…')`,
    ),
  );
}
