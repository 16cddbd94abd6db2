import { BackendUnavailableError } from '../errors.js';
import { quoted } from '../common/quoted.js';
import type { LockManager } from '../lock/index.js';
import { Candidacy, type CandidacyContext } from './candidacy.js';
import type { Leader } from './election.js';
import type { HeldLeadership } from './leadership.js';
import { LeaderWatch } from './leader-watch.js';

/** A watch looks at least this often, ms, whatever the heartbeat. */
const LONGEST_LOOK_AWAY = 1000;
/** A client of a replica that shuts down may try another replica after this time, ms. */
const RETRY_ELSEWHERE = 1000;

export interface ElectionSessionContext extends Pick<
  CandidacyContext,
  'manager' | 'stopTimeout' | 'info' | 'warn'
> {
  readonly onElected: (leadership: HeldLeadership) => void;
  readonly onDemoted: (leadership: HeldLeadership) => void;
}

/** The elections of one coordinator, from its start to its stop. */
export class ElectionSession {
  /** Aborts when the coordinator stops. */
  readonly #stopping = new AbortController();
  /** The elections in which this replica campaigns or leads. */
  readonly #candidacies = new Map<string, Candidacy>();
  readonly #watches = new Map<LeaderWatch, string>();
  readonly #endings = new Set<Promise<unknown>>();

  constructor(private readonly context: ElectionSessionContext) {}

  get manager(): LockManager {
    return this.context.manager;
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** How many leases these elections hold, and how many campaigns wait for one. */
  get usage(): { readonly held: number; readonly waiting: number } {
    const all = [...this.#candidacies.values()];
    return {
      held: all.filter(({ leadership }) => leadership).length,
      waiting: all.filter(({ campaigns }) => campaigns).length,
    };
  }

  leadershipOf(name: string): HeldLeadership | undefined {
    return this.#candidacies.get(name)?.leadership;
  }

  /** @throws BackendUnavailableError when the coordinator stops; as {@link Candidacy.campaign} */
  async campaign(name: string, signal?: AbortSignal): Promise<HeldLeadership> {
    if (this.stopping.aborted) throw this.#stopped(name);
    const candidacy = this.#candidacies.get(name) ?? this.#candidacyOf(name);
    this.#candidacies.set(name, candidacy);
    return candidacy.campaign(signal).finally(() => this.#sweep(name));
  }

  leader(name: string): Promise<Leader | undefined> {
    return (this.#candidacies.get(name) ?? this.#candidacyOf(name)).leader();
  }

  /** @returns false when no replica leads */
  async requestResign(name: string): Promise<boolean> {
    const { records } = this.#candidacyOf(name);
    const leader = await this.leader(name);
    if (!leader) return false;
    await records.request(leader.term, this.manager.memberId);
    return true;
  }

  watch(name: string): LeaderWatch {
    const { clock, settings } = this.manager;
    const { records } = this.#candidacyOf(name);
    const watch = new LeaderWatch({
      clock,
      period: Math.min(LONGEST_LOOK_AWAY, settings.heartbeat),
      look: () => this.leader(name),
      subscribe: (onChange) => records.watchLeader(onChange),
      onEnd: (ended) => this.#watches.delete(ended),
    });
    this.#watches.set(watch, name);
    if (this.stopping.aborted) watch.end();
    return watch;
  }

  /** Leads and campaigns no more, at once; the locks are given back when the work of the leaders has ended. */
  stop(): void {
    if (this.stopping.aborted) return;
    // First: a listener to the end of a term may campaign again, and is refused from now on.
    this.#stopping.abort();
    for (const [name, candidacy] of this.#candidacies) candidacy.leave(this.#stopped(name));
    for (const watch of this.#watches.keys()) watch.end();
  }

  /** Settles when nothing more is asked of the back end. Never rejects. */
  async settled(): Promise<void> {
    while (this.#endings.size > 0) await Promise.all(this.#endings);
  }

  #candidacyOf(name: string): Candidacy {
    const { onElected, onDemoted, ...context } = this.context;
    return new Candidacy(name, {
      ...context,
      onElected: (leadership) => {
        this.#nudge(name);
        onElected(leadership);
      },
      onDemoted: (leadership) => {
        this.#nudge(name);
        onDemoted(leadership);
      },
      track: (ending) => this.#track(name, ending),
    });
  }

  #nudge(name: string): void {
    for (const [watch, election] of this.#watches) if (election === name) watch.nudge();
  }

  #track(name: string, ending: Promise<unknown>): void {
    const tracked = ending.then(() => {
      this.#endings.delete(tracked);
      this.#sweep(name);
    });
    this.#endings.add(tracked);
  }

  /** An application may have an election for each tenant. An election in which it neither campaigns nor leads costs nothing. */
  #sweep(name: string): void {
    const candidacy = this.#candidacies.get(name);
    if (candidacy && !candidacy.campaigns && !candidacy.leadership) this.#candidacies.delete(name);
  }

  #stopped(name: string): BackendUnavailableError {
    return new BackendUnavailableError(
      `Election ${quoted(name)}: the coordinator of member ${this.manager.memberId} is shutting down and campaigns no more; another replica will lead`,
      { retryAfter: RETRY_ELSEWHERE },
    );
  }
}
