import type { Election } from '../../../lib/elections/election.js';
import { Elections } from '../../../lib/elections/elections.js';
import type { HeldLeadership } from '../../../lib/elections/leadership.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import type { LockManager } from '../../../lib/lock/lock-manager.js';
import { LOCK_MANAGER } from '../../../lib/lock/lock-registry.js';
import type { Member } from './member.js';
import type { Random } from './random.js';

const ELECTION = 'quota';
/** As its terms stand in the history: those of a lock. */
const LOCK = 'election:quota';

/** How often, at a look, a replica resigns or asks the leader to. */
const RESTLESS = 0.02;

/**
 * What a process does that stands for election: it looks at its flag, resigns at times, and at others asks the leader to step down.
 *
 * A term stands in the history as a lease of a lock, so the judges of locks judge elections: two that saw their flag on at one time
 * are an exclusion that was broken, and terms are tokens.
 */
export class Candidate {
  readonly #elections: Elections;
  readonly #election: Election;
  #attempt = '';
  /** The name of each term in the history. */
  readonly #leases = new Map<HeldLeadership, string>();

  constructor(
    private readonly member: Member,
    private readonly manager: LockManager,
    private readonly random: Random,
    stopTimeout: number,
  ) {
    const nothing = (): void => undefined;
    this.#elections = new Elections(
      { memberId: manager.memberId, [LOCK_MANAGER]: manager },
      {
        candidate: true,
        stopTimeout,
        random: random.next,
        log: {
          debug: nothing,
          info: nothing,
          warn: nothing,
          error: (message, error) => {
            throw new Error(message, { cause: error });
          },
        },
      },
    );
    this.#election = this.#elections.get(ELECTION);
  }

  /** Stands for election until then, on the judge's clock, ms. */
  async run(until: number): Promise<void> {
    const { member, random } = this;
    this.#campaign();
    this.#elections.stand(ELECTION, [
      { when: 'elected', label: 'candidate', call: () => this.#elected() },
      {
        when: 'demoted',
        label: 'candidate',
        call: (leadership) => this.#demoted(leadership as HeldLeadership),
      },
    ]);
    this.#elections.begin(this.manager);
    while (member.now < until) {
      await member.sleep(random.between(0, this.manager.settings.ttl / 5));
      this.#look();
      if (random.chance(RESTLESS)) await this.#try('leader resigned', () => this.#election.resign());
      if (random.chance(RESTLESS))
        await this.#try('leader asked to resign', () => this.#election.requestResign());
    }
    this.#elections.leave();
    this.#fail('stopped');
    await this.#elections.left();
  }

  #campaign(): void {
    const { journal } = this.member.place;
    this.#attempt = journal.name('campaign');
    journal.add({
      type: 'attempt',
      at: this.member.now,
      attempt: this.#attempt,
      worker: this.member.settings.name,
      lock: LOCK,
      budget: 'forever',
    });
  }

  #fail(error: string): void {
    const attempt = this.#attempt;
    if (attempt !== '')
      this.member.place.journal.add({ type: 'failed', at: this.member.now, attempt, error });
  }

  #elected(): void {
    const { member } = this;
    const { journal } = member.place;
    const leadership = this.#elections.leadershipOf(ELECTION);
    if (!leadership) return;
    const lease = journal.name('term');
    this.#leases.set(leadership, lease);
    const { ttl } = this.manager.settings;
    const attempt = this.#attempt;
    this.#attempt = '';
    journal.add({ type: 'granted', at: member.now, attempt, lease, ttl, token: leadership.term });
    journal.reached('leader elected', member.now);
  }

  #demoted(leadership: HeldLeadership): void {
    const { member } = this;
    const { journal } = member.place;
    const lease = this.#leases.get(leadership);
    // Over before its listeners had been told of it.
    if (lease === undefined) return;
    const { now: called } = member;
    const { lost } = leadership;
    if (lost) {
      journal.add({ type: 'lost', at: called, lease, reason: lost.reason });
      journal.reached(`leadership lost: ${lost.reason}`, called);
    } else {
      void leadership.ended.then(() =>
        journal.add({ type: 'released', at: member.now, lease, called, confirmed: 'unconfirmed' }),
      );
    }
    this.#campaign();
  }

  /** The time is that before the look: a process that is stopped after it knows nothing of later. */
  #look(): void {
    const at = this.member.now;
    const leadership = this.#elections.leadershipOf(ELECTION);
    const lease = leadership && this.#leases.get(leadership);
    if (lease !== undefined) this.member.place.journal.add({ type: 'held', at, lease });
  }

  async #try(what: string, step: () => Promise<boolean>): Promise<void> {
    try {
      if (await step()) this.member.place.journal.reached(what, this.member.now);
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) throw error;
    }
  }
}
