import { LOCK_MANAGER } from '../../../lib/lock/lock-registry.js';
import type { LockManager } from '../../../lib/lock/lock-manager.js';
import { Claim, Job, tickOccasion } from '../../../lib/runs/index.js';
import type { Member } from './member.js';
import type { Random } from './random.js';

/** What all replicas run. */
export interface JobPlan {
  /** Between two ticks, ms of the wall clock. */
  readonly period: number;
  /** How long a body works, ms, at most. */
  readonly work: number;
  readonly onCrash: 'skip' | 'rerun';
  readonly random: Random;
}

export const JOB = 'usage';
const LOCK = `job:${JOB}`;

/** A timer may be early by the difference of two clocks, ms: what the trigger of @RunOnce allows for. */
const EARLY = 5;
/** How far ahead of the back end's clock a tick may be, ms: the default. */
const MAX_SKEW = 60_000;
/** How many bodies reject. */
const FAILING = 0.1;

/**
 * What a process does that has a job: each tick of its own wall clock fires, as a scheduler does it, whether the firing before has
 * ended or not; it claims the tick, and runs a body under the claim.
 *
 * A run stands in the history as a lease of the job's lock too, so the judges of locks see to it that no two bodies hold it at once.
 */
export class JobRunner {
  readonly #job: Job;

  constructor(
    private readonly member: Member,
    private readonly manager: LockManager,
    private readonly plan: JobPlan,
    private readonly random: Random,
  ) {
    const provider = { memberId: manager.memberId, [LOCK_MANAGER]: manager };
    const { onCrash } = plan;
    this.#job = new Job({ name: JOB, onCrash, overlap: 'skip', history: 2, maxSkew: MAX_SKEW }, provider);
  }

  /** Fires until then, on the judge's clock, ms, and ends when all that fired is over. */
  async run(until: number): Promise<void> {
    const { member, plan } = this;
    const { clock } = member;
    const fired: Promise<void>[] = [];
    while (member.now < until) {
      const now = clock.wall();
      const next = (Math.floor(now / plan.period) + 1) * plan.period;
      await new Promise<void>((resolve) => clock.setTimer(next - now, resolve));
      if (member.now >= until) break;
      fired.push(this.#fire(Math.floor((clock.wall() + EARLY) / plan.period) * plan.period));
    }
    await Promise.all(fired);
  }

  async #fire(tick: number): Promise<void> {
    const { member, plan } = this;
    const { journal } = member.place;
    const occasion = journal.name('occasion');
    journal.add({ type: 'fired', at: member.now, occasion, worker: member.settings.name, job: JOB, tick });
    const wanted = tickOccasion(`every ${plan.period} ms`, tick, (time) => time + plan.period);
    for (;;) {
      const attempt = this.#attempt();
      const claim = await this.#job.claim(wanted);
      if (!(claim instanceof Claim)) {
        journal.add({ type: 'refused', at: member.now, attempt });
        journal.add({ type: 'skipped', at: member.now, occasion, reason: claim.skipped });
        journal.reached(`tick skipped: ${claim.skipped}`, member.now);
        return;
      }
      await this.#runUnder(claim, occasion, attempt);
      // The run of an earlier tick was lost, and came first.
      if (claim.run.tick.getTime() >= tick) return;
    }
  }

  #attempt(): string {
    const { member } = this;
    const { journal } = member.place;
    const attempt = journal.name('claim');
    const worker = member.settings.name;
    journal.add({ type: 'attempt', at: member.now, attempt, worker, lock: LOCK, budget: 'forever' });
    return attempt;
  }

  async #runUnder(claim: Claim, occasion: string, attempt: string): Promise<void> {
    const { member, random, plan } = this;
    const { journal } = member.place;
    const { lease, run } = claim;
    const name = journal.name('lease');
    const id = journal.name('run');
    journal.add({
      type: 'granted',
      at: member.now,
      attempt,
      lease: name,
      ttl: lease.ttl,
      token: lease.fencingToken,
    });
    const tick = run.tick.getTime();
    journal.add({ type: 'started', at: member.now, run: id, occasion, tick, attempt: run.attempt });
    journal.reached(run.attempt > 1 ? 'lost run repeated' : 'tick run', member.now);
    const over = member.now + random.skewed(0.5, plan.work);
    this.#look(lease.signal, name);
    while (member.now < over) {
      await member.sleep(Math.min(over - member.now, random.between(1, lease.ttl / 3)));
      this.#look(lease.signal, name);
    }
    journal.add({ type: 'ended', at: member.now, run: id });
    const called = member.now;
    if (lease.lost) {
      journal.add({ type: 'lost', at: called, lease: name, reason: lease.lost.reason });
      journal.reached('run lost its lease', called);
    }
    await (random.chance(FAILING) ? claim.end('failed', new Error('failed')) : claim.end('succeeded'));
    journal.add({ type: 'released', at: member.now, lease: name, called, confirmed: 'unconfirmed' });
  }

  /** The time is that before the look. */
  #look(signal: AbortSignal, lease: string): void {
    const at = this.member.now;
    if (!signal.aborted) this.member.place.journal.add({ type: 'held', at, lease });
  }
}
