import { boundProvider } from '../injection/index.js';
import { type LockProvider, theRunningProviderNamed } from '../lock/index.js';
import { classNameOf, lockNameError } from '../lock/name/index.js';
import type { JobSettings } from '../runs/index.js';
import type { RunOnceSettings } from './run-once.options.js';
import { type ScheduleMetadata, scheduleOf } from './schedule/index.js';

/** Where a wrapper keeps the definition it was made from; found there also through another wrapper that copies metadata. */
const DEFINITION = Symbol.for('nestjs-coordination:run-once');

/** One method under `@RunOnce`, as the decorator knows it. */
export interface RunOnceDefinition {
  /** `ReportService.nightly`, for messages. */
  readonly label: string;
  readonly propertyKey: string | symbol;
  readonly settings: RunOnceSettings;
}

export function defineRunOnce(wrapper: object, definition: RunOnceDefinition): void {
  Reflect.defineMetadata(DEFINITION, definition, wrapper);
}

export function runOnceOf(method: unknown): RunOnceDefinition | undefined {
  if (typeof method !== 'function') return undefined;
  return Reflect.getMetadata(DEFINITION, method) as RunOnceDefinition | undefined;
}

/** The metadata of @nestjs/schedule on the method, wherever its decorators stand among others. */
export function scheduleOn(host: unknown, { propertyKey }: RunOnceDefinition): ScheduleMetadata {
  const method: unknown =
    typeof host === 'object' && host !== null ? Reflect.get(host, propertyKey) : undefined;
  return typeof method === 'function' ? scheduleOf(method) : {};
}

/** The coordinator that was injected into the object, or the only one in this process that has the name. */
export function jobProvider({ label, settings }: RunOnceDefinition, host: unknown): LockProvider {
  const { coordinator } = settings;
  return boundProvider(host, coordinator) ?? theRunningProviderNamed(coordinator, `@RunOnce on ${label}`);
}

/** @throws LockNameError when the name would be made of a class name that a build has changed */
export function jobSettings(definition: RunOnceDefinition, host: object): JobSettings {
  const { onCrash, overlap, history, maxSkew, ttl } = definition.settings;
  return {
    name: jobName(definition, host),
    onCrash,
    overlap,
    history,
    maxSkew,
    ...(ttl !== undefined && { ttl }),
  };
}

/** The name that the decorators give the job; undefined when it is derived from class and method. */
export function givenName(definition: RunOnceDefinition, host: object): string | undefined {
  return definition.settings.name ?? scheduleOn(host, definition).name;
}

function jobName(definition: RunOnceDefinition, host: object): string {
  const given = givenName(definition, host);
  if (given !== undefined) return given;
  const className = classNameOf(host.constructor, (problem) => {
    throw lockNameError('the name of the job', definition.label, problem);
  });
  return `${className}.${String(definition.propertyKey)}`;
}
