import { lockKind, type Locks } from '../locks/index.js';
import { monotonicNow } from '../monotonic.js';
import type { AppTerms } from '../requests/terms.js';
import { keep, loopDelay, queueUp } from './burden.js';
import { contend } from './contend.js';
import { Crowd } from './crowd.js';
import type { ContendTerms, CrowdTerms, OpenTerms, Served, Usage } from './terms.js';
import type { Timeline } from './timeline.js';

/** What a process of the crew can be told to do, by the names of the methods. */
export class Work {
  readonly #locks = new Map<string, Locks>();
  /** Why a kind of locks could not be opened; told when it is wanted. */
  readonly #failures = new Map<string, string>();
  #crowd?: Crowd;

  async open({ kinds, place }: OpenTerms): Promise<void> {
    this.#failures.clear();
    for (const id of kinds) {
      try {
        this.#locks.set(id, await lockKind(id).open(place));
      } catch (error) {
        this.#failures.set(id, error instanceof Error ? error.message : String(error));
      }
    }
  }

  async close(): Promise<void> {
    const all = [...this.#locks.values()];
    this.#locks.clear();
    await Promise.all(all.map((locks) => locks.close()));
  }

  contend(terms: ContendTerms): Promise<Timeline> {
    return contend(this.#of(terms.kind), terms);
  }

  gather(terms: CrowdTerms): void {
    this.#crowd = new Crowd(this.#of(terms.kind), terms);
  }

  async served(): Promise<Served> {
    if (!this.#crowd) throw new Error('nobody has gathered');
    return this.#crowd.end();
  }

  usage(): Usage {
    const { user, system } = process.cpuUsage();
    return { at: monotonicNow(), cpu: (user + system) / 1000 };
  }

  /** Serves an application, and resolves to its port. It ends with the process. */
  async listen(terms: AppTerms): Promise<number> {
    // No other process needs Nest's HTTP servers.
    const { startApp } = await import('../requests/app.js');
    return (await startApp(terms)).port;
  }

  keep(kind: string, count: number): Promise<number> {
    return keep(this.#of(kind), count);
  }

  queueUp(kind: string, key: string, count: number): Promise<number> {
    return queueUp(this.#of(kind), key, count);
  }

  loopDelay(ms: number): Promise<number> {
    return loopDelay(ms);
  }

  #of(kind: string): Locks {
    const locks = this.#locks.get(kind);
    if (!locks) throw new Error(this.#failures.get(kind) ?? `"${kind}" is not open`);
    return locks;
  }
}
