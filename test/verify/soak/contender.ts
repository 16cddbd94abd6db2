import { fork } from 'node:child_process';
import { once } from 'node:events';
import { load } from './load.js';

const WORKERS = 6;

/** What the second process is told, as its argument. */
export interface ContenderOrder {
  readonly backendUrl: string;
  readonly leasesExpire: boolean;
  readonly seed: number;
}

export interface Contender {
  /** Asks it to end, and resolves when it has ended by itself; rejects when something kept it alive or it failed. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** How long a process may take to end by itself when nothing keeps it, ms. */
const ENDING = 60_000;

/** Starts this very program again, as a second process that wants the same locks. */
export async function startContender(script: string, order: ContenderOrder): Promise<Contender> {
  const child = fork(script, ['--contend', JSON.stringify(order)]);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  await Promise.race([once(child, 'message'), exited]);
  return {
    stop: async () => {
      const waitLimit = setTimeout(() => child.kill('SIGKILL'), ENDING);
      if (child.connected) child.send('stop');
      const [code, signal] = await exited;
      clearTimeout(waitLimit);
      if (code !== 0) throw new Error(`the second process ended with ${code ?? signal}, and not by itself`);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** What the second process does: it uses the contended names until it is told to stop. */
export async function contend({ backendUrl, leasesExpire, seed }: ContenderOrder): Promise<void> {
  let goOn = true;
  process.once('message', () => (goOn = false));
  await load({
    backendUrl,
    leasesExpire,
    workers: WORKERS,
    newNames: 0,
    prefix: 'contender',
    seed,
    signal: new AbortController().signal,
    count: () => undefined,
    // A connection that is cut before would end the start.
    onStarted: () => process.send?.('started'),
    goOn: () => goOn,
  });
  process.disconnect?.();
}
