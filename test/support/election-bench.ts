import { Elections } from '../../lib/elections/elections.js';
import { settled } from './fake-clock.js';
import { LockManagerBench, outcomeOf } from './lock-manager-bench.js';

export const TTL = 1000;
export const STOP_TIMEOUT = 400;

/** A candidate on a clock and a back end that the test drives, and what its listeners are told. */
export class ElectionBench extends LockManagerBench {
  readonly told: string[] = [];
  readonly log: string[] = [];
  readonly elections: Elections;

  constructor() {
    super({ ttl: TTL, heartbeat: TTL / 4 });
    const keep = (message: string): void => void this.log.push(message);
    this.elections = new Elections(this, {
      candidate: true,
      stopTimeout: STOP_TIMEOUT,
      random: () => 0.5,
      log: { debug: (message) => keep(message()), info: keep, warn: keep, error: keep },
    });
    this.elections.begin(this.manager);
  }

  get election() {
    return this.elections.get('quota');
  }

  stand(): void {
    const { election, told } = this;
    this.elections.stand('quota', [
      {
        when: 'elected',
        label: 'listener',
        call: ({ term }) => told.push(`elected ${term} ${election.isLeader}`),
      },
      {
        when: 'demoted',
        label: 'listener',
        call: ({ term, signal }) => told.push(`demoted ${term} ${election.isLeader} ${signal.aborted}`),
      },
    ]);
  }

  async lead() {
    const elected = outcomeOf(this.election.campaign());
    await settled();
    return elected.value!;
  }
}
