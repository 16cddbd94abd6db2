import type { Scene } from './scene.js';
import type { StorageRequest } from './storage.js';
import type { Worker } from './worker.js';

/** A worker that holds a lease and waits for the storage to answer. */
export interface Caught {
  readonly worker: Worker;
  readonly request: StorageRequest;
  /** Lets the storage answer. */
  readonly answer: () => void;
}

/**
 * Catches a worker in the middle of its work: with its read, or with its write, which is the last thing before it
 * releases. What is to happen to it happens in `atOnce`, before it can go on.
 *
 * @returns undefined when nobody came in time
 */
export function catchHolder(
  { storage, crew }: Scene,
  wanted: (request: StorageRequest) => boolean,
  within: number,
  atOnce: (worker: Worker) => void = () => undefined,
): Promise<Caught | undefined> {
  return new Promise((resolve) => {
    const giveUp = storage.set({
      catches: (request) => wanted(request) && crew.named(request.worker)?.frozen === false,
      onCaught: (request, answer) => {
        clearTimeout(timer);
        const worker = crew.named(request.worker);
        if (worker) atOnce(worker);
        resolve(worker && { worker, request, answer });
      },
    });
    const timer = setTimeout(() => {
      giveUp();
      resolve(undefined);
    }, within);
  });
}
