import type { BackendKind } from '../backend-kind.js';
import { onlyOne } from '../backend-url.js';

/** `memory:` and `memory:space`. */
export const memoryBackend: BackendKind = {
  name: 'memory',
  schemes: ['memory'],
  bareUrl: true,
  options: {},
  urlKeys: [],
  claimedBy: () => undefined,
  problemsOf: () => [],
  factoryFor(urls) {
    const space = spaceOf(onlyOne(urls).rest);
    return async (context) => {
      const { MemoryDriver } = await import('./memory.driver.js');
      return new MemoryDriver(space, context);
    };
  },
};

export function spaceOf(rest: string): string {
  const space = rest.replace(/^\/\//, '');
  if (!/^[\w.-]*$/.test(space)) {
    throw new Error('the name of a memory: back end may hold letters, digits, "_", "." and "-" only');
  }
  return space;
}
