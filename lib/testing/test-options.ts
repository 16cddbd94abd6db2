import type { CoordinationOptions } from '../coordination.options.js';

/**
 * The options of a test's coordinator: those of `CoordinationModule`, without the options that name the back end.
 * @publicApi
 */
export interface CoordinationTestingOptions extends Omit<
  CoordinationOptions,
  'backendUrl' | 'driver' | 'redis' | 'postgres'
> {
  /** `system`: that of the machine. `driven`: it moves by `kit.advance()` alone. Default `system`. */
  readonly clock?: 'system' | 'driven' | undefined;
}
