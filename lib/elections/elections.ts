import { logSafely } from '../common/log-safely.js';
import { outsideCalls } from '../common/clock.js';
import { quoted } from '../common/quoted.js';
import { InvalidOptionsError } from '../errors.js';
import { type LockManager, lockManagerOf, type LockProvider } from '../lock/index.js';
import type { Election, Leadership } from './election.js';
import { ElectionHandle, type ElectionHost } from './election-handle.js';
import { ElectionSession } from './election-session.js';
import type { HeldLeadership } from './leadership.js';
import { standForElection } from './standing.js';

/** The log lines of elections. */
export interface ElectionLog {
  debug(message: () => string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string, ...error: unknown[]): void;
}

export interface ElectionsContext {
  /** Whether this replica may lead. */
  readonly candidate: boolean;
  /** How long work of a leader gets to end after a resignation, ms. */
  readonly stopTimeout: number;
  readonly random: () => number;
  readonly log: ElectionLog;
}

/** A method that is called at each change of this replica's own state, with the leadership that has begun or ended. */
export interface ElectionListener {
  readonly when: 'elected' | 'demoted';
  /** `QuotaService.start`, for messages. */
  readonly label: string;
  readonly call: (leadership: Leadership) => unknown;
}

const ofProviders = new WeakMap<LockProvider, Elections>();

/** Undefined for a provider that is no coordinator of this package, as a mock. */
export function findElections(provider: LockProvider): Elections | undefined {
  return ofProviders.get(provider);
}

/** @throws LockCreationFailedError for a provider that is no started coordinator; InvalidOptionsError for one without elections */
export function electionsOf(provider: LockProvider, where: string): Elections {
  const elections = findElections(provider);
  if (elections) return elections;
  lockManagerOf(provider, where);
  throw new InvalidOptionsError(`${where}: its coordinator knows no elections; use a CoordinatorService`);
}

/** The elections of one coordinator, over all its starts: the listeners, and the elections in which it stands as a candidate. */
export class Elections implements ElectionHost {
  #session?: ElectionSession;
  readonly #standing = new Set<string>();
  readonly #listeners = new Map<string, ElectionListener[]>();

  constructor(
    private readonly provider: LockProvider,
    private readonly context: ElectionsContext,
  ) {
    ofProviders.set(provider, this);
  }

  /** False when the coordinator's option `candidate` is false: this replica never leads. */
  get candidate(): boolean {
    return this.context.candidate;
  }

  get log(): ElectionLog {
    return this.context.log;
  }

  get usage(): { readonly held: number; readonly waiting: number } {
    return this.#session?.usage ?? { held: 0, waiting: 0 };
  }

  get(name: string): Election {
    return new ElectionHandle(name, this);
  }

  leadershipOf(name: string): HeldLeadership | undefined {
    return this.#session?.leadershipOf(name);
  }

  /** @throws LockCreationFailedError when the coordinator is not started */
  session(where: string): ElectionSession {
    lockManagerOf(this.provider, where);
    // The start of the coordinator has set it.
    return this.#session as ElectionSession;
  }

  /** The coordinator has started. */
  begin(manager: LockManager): void {
    const { stopTimeout, log } = this.context;
    this.#session = new ElectionSession({
      manager,
      stopTimeout,
      info: (message) => outsideCalls(() => log.info(message)),
      warn: (message) => outsideCalls(() => log.warn(message)),
      onElected: (leadership) => this.#tellElected(manager, leadership),
      onDemoted: (leadership) => this.#tellDemoted(manager, leadership),
    });
    for (const name of this.#standing) this.#stand(this.#session, name);
  }

  /** The coordinator is about to stop: leads and campaigns no more, at once. */
  leave(): void {
    this.#session?.stop();
  }

  /** After {@link leave}: resolves when every term is handed over, or has to end by its ttl. Never rejects. */
  async left(): Promise<void> {
    await this.#session?.settled();
  }

  /**
   * Campaigns from now on whenever the coordinator is started, and calls these listeners. While this replica leads already, it calls a
   * new listener at once.
   */
  stand(name: string, listeners: readonly ElectionListener[]): void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), ...listeners]);
    const leadership = this.leadershipOf(name);
    if (leadership) this.#call(leadership, listeners, 'elected');
    if (this.#standing.has(name)) return;
    this.#standing.add(name);
    if (this.#session) this.#stand(this.#session, name);
  }

  #stand(session: ElectionSession, name: string): void {
    const onFailure = (error: unknown): void =>
      this.context.log.error(`Election ${quoted(name)}: the campaign failed, and goes on`, error);
    outsideCalls(() => void standForElection(session, name, { random: this.context.random, onFailure }));
  }

  #tellElected(manager: LockManager, leadership: HeldLeadership): void {
    manager.events.announce('leader.elected', () => aboutTerm(manager, leadership));
    this.#call(leadership, this.#listeners.get(leadership.election) ?? [], 'elected');
  }

  #tellDemoted(manager: LockManager, leadership: HeldLeadership): void {
    const reason = leadership.lost?.reason ?? 'resigned';
    manager.events.announce('leader.demoted', () => ({ ...aboutTerm(manager, leadership), reason }));
    this.#call(leadership, this.#listeners.get(leadership.election) ?? [], 'demoted');
  }

  #call(
    leadership: HeldLeadership,
    listeners: readonly ElectionListener[],
    when: ElectionListener['when'],
  ): void {
    for (const { label, call } of listeners.filter((listener) => listener.when === when)) {
      // An earlier listener may have resigned.
      if (when === 'elected' && !leadership.leading) return;
      const called = outsideCalls(() =>
        when === 'elected'
          ? leadership.run(label, () => call(leadership))
          : leadership.runAfter(() => call(leadership)),
      );
      called.catch((error: unknown) =>
        logSafely(() =>
          this.context.log.error(
            `Election ${quoted(leadership.election)}: ${label}, which is told when this replica is ${when}, failed`,
            error,
          ),
        ),
      );
    }
  }
}

function aboutTerm({ memberId, clock }: LockManager, { election, term }: HeldLeadership) {
  return { election, term, memberId, at: clock.wall() };
}
