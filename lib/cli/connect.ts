import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseEnv } from 'node:util';
import type { Command } from 'commander';
import { systemClock } from '../common/clock.js';
import { type Environment, optionsIn } from '../coordination.environment.js';
import { type CoordinationOptions, type ResolvedOptions, resolveOptions } from '../coordination.options.js';
import type { Driver } from '../drivers/driver.js';
import type { Source } from '../inspection/index.js';
import { CliError } from './failure.js';
import { say } from './output.js';

/** The options of every command. */
export interface GlobalOptions {
  readonly url?: string;
  readonly prefix?: string;
  readonly envFile?: string;
  readonly json?: boolean;
}

/** Adds these options to the program; they may stand before the command, or behind it. */
export function addGlobalOptions(program: Command): Command {
  return program
    .option('--url <url>', 'back end: file:///dir, redis://…, postgres://… (COORDINATION_BACKEND_URL)')
    .option('--prefix <text>', "the application's prefix (COORDINATION_PREFIX)")
    .option('--env-file <path>', 'read COORDINATION_* from a file; the environment goes before it')
    .option('--json', 'print one JSON document');
}

/** The tool, as others see it: a host and a process, and no replica of the application. */
export function toolId(): string {
  return `cli-${hostname()}-${process.pid}`;
}

/**
 * The options of an application with this environment, and those of the command line. Never the application's agentId: the tool is no
 * replica of it.
 * @throws CliError, InvalidOptionsError
 */
export function coordinationOptions({ url, prefix, envFile }: GlobalOptions): CoordinationOptions {
  const environment: Environment = { ...(envFile !== undefined && readEnvFile(envFile)), ...process.env };
  const found = optionsIn(environment, (message) => say(`warning: ${message}`));
  const options: CoordinationOptions = {
    ...found,
    ...(url !== undefined && { backendUrl: url }),
    ...(prefix !== undefined && { prefix }),
    agentId: toolId(),
    candidate: false,
  };
  if (String(options.backendUrl).trim().startsWith('memory:'))
    throw new CliError(
      'the locks of memory: are in the memory of one process, and no other process can see them; look at them there, by coordinator.inspect',
    );
  return options;
}

/**
 * Connects to look: as no member, and without a heartbeat. To connect changes nothing.
 * @throws BackendUnavailableError, InvalidOptionsError
 */
export async function withDriver<T>(
  options: GlobalOptions,
  work: (driver: Driver, resolved: ResolvedOptions) => Promise<T>,
): Promise<T> {
  const resolved = resolveOptions(coordinationOptions(options));
  const driver = await resolved.createDriver({
    clock: systemClock,
    random: Math.random,
    onBackendChange: () => undefined,
    warn: (message) => say(`warning: ${message}`),
    ttl: resolved.ttl,
    prefix: resolved.prefix,
    looksOnly: true,
  });
  try {
    await driver.start();
    return await work(driver, resolved);
  } finally {
    await driver.stop();
  }
}

/** As {@link withDriver}, with the source that `lib/inspection` reads. */
export function withSource<T>(options: GlobalOptions, work: (source: Source) => Promise<T>): Promise<T> {
  return withDriver(options, ({ locks, records }, { prefix }) =>
    work({ locks, records, prefix, clock: systemClock, memberId: prefix + toolId() }),
  );
}

function readEnvFile(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CliError(`cannot read --env-file: ${error instanceof Error ? error.message : String(error)}`);
  }
}
