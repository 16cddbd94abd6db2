import { Session } from 'node:inspector/promises';

/** Bytes between two samples; fewer than most objects of a lock have together. */
const INTERVAL = 1024;

interface Allocations {
  readonly selfSize: number;
  readonly children: readonly Allocations[];
}

function sum({ selfSize, children }: Allocations): number {
  return children.reduce((total, child) => total + sum(child), selfSize);
}

/** How many bytes of heap `work` takes, freed since or not. */
export async function bytesOf(work: () => Promise<void>): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: INTERVAL,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    await work();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    return sum(profile.head);
  } finally {
    session.disconnect();
  }
}
