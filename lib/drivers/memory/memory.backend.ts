import type { BackendKind } from '../backend-kind.js';
import { onlyOne } from '../backend-url.js';
import type { Driver, DriverContext } from '../driver.js';
import type { MemorySpace } from './memory-space.js';

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

/** Makes drivers that share a space of their own. The space ends with them, as no URL leads to it. */
export function unnamedSpace(): (context: DriverContext) => Promise<Driver> {
  let space: MemorySpace | undefined;
  return async (context) => {
    const { MemoryDriver, MemorySpace } = await import('./memory.driver.js');
    space ??= new MemorySpace();
    return new MemoryDriver(space, context);
  };
}

export function spaceOf(rest: string): string {
  const space = rest.replace(/^\/\//, '');
  if (!/^[\w.-]*$/.test(space)) {
    throw new Error('the name of a memory: back end may hold letters, digits, "_", "." and "-" only');
  }
  return space;
}
