import { Logger } from '@nestjs/common';
import { registerAs } from '@nestjs/config';
import { logSafely } from '../common/log-safely.js';
import {
  type CoordinationOptions,
  OPTION_VARIABLES,
  QUARANTINE_VARIABLE,
  settingsOf,
} from '../coordination.options.js';

const VARIABLE_PREFIX = 'COORDINATION_';

/**
 * The `coordination` namespace of ConfigModule: the options, read from the `COORDINATION_*` variables. Nothing else in
 * this package reads them. A variable of that kind that means nothing is warned of.
 *
 * @example
 * CoordinationModule.forRootAsync(coordinationConfig.asProvider());
 *
 * @publicApi
 */
export const coordinationConfig = registerAs('coordination', (): CoordinationOptions => {
  warnOfUnknownVariables();
  const text = Object.fromEntries(
    Object.entries(OPTION_VARIABLES).map(([option, variable]) => [option, process.env[variable]]),
  );
  const options: CoordinationOptions = {
    ...settingsOf(text),
    ...redisOptions(process.env[QUARANTINE_VARIABLE]),
  };
  const { backendUrl } = text;
  if (!backendUrl) return options;
  // As a getter it can be read and spread, but inspecting the application does not show the password in it.
  return Object.defineProperty(options, 'backendUrl', { enumerable: true, get: () => backendUrl });
});

/** A misspelt variable would leave its option at the default. */
function warnOfUnknownVariables(): void {
  const known: readonly string[] = [...Object.values(OPTION_VARIABLES), QUARANTINE_VARIABLE];
  const unknown = Object.keys(process.env).filter(
    (name) => name.startsWith(VARIABLE_PREFIX) && !known.includes(name),
  );
  if (unknown.length === 0) return;
  logSafely(() =>
    new Logger('CoordinationModule').warn(
      `The environment has ${unknown.toSorted().join(', ')}, which ${unknown.length === 1 ? 'is no variable' : 'are no variables'} of nestjs-coordination; known are ${known.join(', ')}`,
    ),
  );
}

/** What is neither true nor false is passed on as it is, for the check to show. */
function redisOptions(text: string | undefined): Pick<CoordinationOptions, 'redis'> {
  if (text === undefined || text === '') return {};
  const quarantine = text === 'true' ? true : text === 'false' ? false : (text as unknown as boolean);
  return { redis: { quarantine } };
}
