import type { SoakBackend } from './backend.js';

export function memoryBackend(): SoakBackend {
  return {
    id: 'memory:',
    url: 'memory:',
    shared: false,
    leasesExpire: false,
    newNames: 0.1,
    // All it has is in this process.
    counts: async () => [],
    close: async () => undefined,
  };
}
