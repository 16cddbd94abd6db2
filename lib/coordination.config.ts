import { registerAs } from '@nestjs/config';
import { type CoordinationOptions, OPTION_VARIABLES, settingsOf } from './coordination.options.js';

/**
 * The `coordination` namespace of ConfigModule: the options, read from the `COORDINATION_*` variables. Nothing else in
 * this package reads them.
 *
 * @example
 * CoordinationModule.forRootAsync(coordinationConfig.asProvider());
 *
 * @publicApi
 */
export const coordinationConfig = registerAs('coordination', (): CoordinationOptions => {
  const text = Object.fromEntries(
    Object.entries(OPTION_VARIABLES).map(([option, variable]) => [option, process.env[variable]]),
  );
  const options: CoordinationOptions = settingsOf(text);
  const { backendUrl } = text;
  if (!backendUrl) return options;
  // As a getter it can be read and spread, but inspecting the application does not show the password in it.
  return Object.defineProperty(options, 'backendUrl', { enumerable: true, get: () => backendUrl });
});
