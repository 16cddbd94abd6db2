import { isShare } from '../../share-id.js';
import type { Moment } from '../../../common/clock.js';
import type { Loss, RenewOutcome } from '../../driver.js';
import type { Completer } from './completer.js';
import type { NodeSet } from './node-set.js';
import {
  BY_NAME,
  hashTagOf,
  listOf,
  oneOf,
  positiveNumber,
  RENEW,
  RENEW_SHARES,
  runScript,
  ScriptKeys,
  type Sending,
  sendingAfter,
  sharersOf,
} from '../scripts/index.js';
import { type NodeError, toldError } from '../errors/index.js';
import type { RedisNode } from '../node/index.js';
import type { RedisGrant } from './redlock-voting.js';
import { VoteCount } from './vote-count.js';
import { quoted } from '../../../common/quoted.js';

const RENEWED: RenewOutcome = { kind: 'renewed' };
const TAKEN_OVER: Loss = {
  reason: 'taken-over',
  message: 'Redis says that another holder has the lock now',
};
const BROKEN: Loss = {
  reason: 'broken',
  message: 'Redis does not have it any more: it was broken, or its key is gone',
};

/** The votes about one lease. */
interface LeaseVotes {
  readonly count: VoteCount;
  /** Whether a node knows that another holder has it. */
  taken: boolean;
  /** By the number of the node. */
  failures?: Map<number, NodeError>;
}

/**
 * Renews several leases on all nodes with one command to each, and counts the votes of each lease separately.
 *
 * A Cluster runs no script on keys of different slots. So it gets one command for all leases with the same hash tag in their keys, and
 * one for each lease without a hash tag.
 */
export class RenewalRound {
  readonly #nodeSet: NodeSet;
  readonly #grants: readonly RedisGrant[];
  readonly #keys: readonly string[];
  readonly #ttl: number;
  readonly #votes: readonly LeaseVotes[];
  #undecided: number;
  #unanswered = 0;
  #settle: ((outcomes: readonly RenewOutcome[]) => void) | undefined;
  readonly #completer: Completer;
  readonly #since: Moment;
  /** The leases that a node does not have, by the number of the node. */
  readonly #lacking = new Map<number, number[]>();

  /**
   * @param keys the keys of the grants, in the same order
   * @param ttl ms
   */
  constructor(
    nodeSet: NodeSet,
    completer: Completer,
    grants: readonly RedisGrant[],
    keys: readonly string[],
    ttl: number,
  ) {
    this.#nodeSet = nodeSet;
    this.#completer = completer;
    this.#since = completer.now();
    this.#grants = grants;
    this.#keys = keys;
    // Redis takes whole ms only.
    this.#ttl = Math.max(1, Math.floor(ttl));
    this.#votes = grants.map(() => ({ count: new VoteCount(nodeSet.quorum), taken: false }));
    this.#undecided = grants.length;
  }

  /** Resolves as soon as a quorum has decided about each lease, or else when every node has answered or failed. */
  run(): Promise<readonly RenewOutcome[]> {
    if (this.#undecided === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      this.#settle = resolve;
      const all = [...this.#grants.keys()];
      const shares = all.filter((lease) => isShare(this.#grants[lease]!.id));
      const kinds = shares.length === 0 ? [all] : this.#byKind(all, shares);
      const commands = this.#nodeSet.nodes.flatMap((node, number) =>
        kinds
          .flatMap((leases) => (node.sharded ? this.#byHashTag(leases) : [leases]))
          .map((leases) => ({ node: node.at(this.#keys[leases[0]!]!), number, leases })),
      );
      this.#unanswered = commands.length;
      for (const { node, number, leases } of commands) this.#send(node, number, leases, BY_NAME);
    });
  }

  /** Separates shares from other leases: they are renewed by another script. */
  #byKind(all: readonly number[], shares: readonly number[]): (readonly number[])[] {
    const alone = all.filter((lease) => !shares.includes(lease));
    return alone.length === 0 ? [shares] : [alone, shares];
  }

  #byHashTag(leases: readonly number[]): number[][] {
    const groups = new Map<string, number[]>();
    for (const lease of leases) {
      const tag = hashTagOf(this.#keys[lease]!);
      const group = groups.get(tag);
      if (group) group.push(lease);
      else groups.set(tag, [lease]);
    }
    return [...groups.values()];
  }

  #send(node: RedisNode, number: number, leases: readonly number[], how: Sending): void {
    const shares = isShare(this.#grants[leases[0]!]!.id);
    const keys = new ScriptKeys(
      leases.flatMap((lease) => {
        const key = this.#keys[lease]!;
        return shares ? [key, sharersOf(key)] : key;
      }),
    );
    const args = [String(this.#ttl), ...leases.map((lease) => this.#grants[lease]!.id)];
    node.call(
      (client) => runScript(client, shares ? RENEW_SHARES : RENEW, keys, args, how),
      (reply, sentAt) => {
        const [now, ...answers] = listOf(reply, leases.length + 1);
        const statuses = answers.map(statusOf);
        const jumped = node.observe(positiveNumber(now), sentAt);
        for (const [index, lease] of leases.entries()) this.#count(lease, number, statuses[index]!, jumped);
        this.#answered();
        const refused = statuses.find((status) => typeof status !== 'number');
        if (refused) node.doubt(refused);
      },
      (error) => {
        const next = sendingAfter(how, error);
        if (next) return this.#sendAgain(node, number, leases, next);
        for (const lease of leases) this.#fail(lease, number, error);
        this.#answered();
      },
    );
  }

  /** Sends one command for each lease where their slot is moving to another server: some keys are there already. */
  #sendAgain(node: RedisNode, number: number, leases: readonly number[], how: Sending): void {
    if (!how.alone) return this.#send(node, number, leases, how);
    this.#unanswered += leases.length - 1;
    for (const lease of leases) this.#send(node, number, [lease], how);
  }

  #count(lease: number, node: number, status: number | NodeError, jumped: NodeError | undefined): void {
    const votes = this.#votes[lease]!;
    if (status === 0 || status === -1) {
      votes.taken ||= status === -1;
      if (votes.count.add(false)) this.#undecided -= 1;
      const lacking = this.#lacking.get(node);
      if (lacking) lacking.push(lease);
      else this.#lacking.set(node, [lease]);
    } else if (typeof status !== 'number') {
      this.#fail(lease, node, status);
    } else if (jumped) this.#fail(lease, node, jumped);
    else if (votes.count.add(true)) this.#undecided -= 1;
  }

  #fail(lease: number, node: number, error: NodeError): void {
    const votes = this.#votes[lease]!;
    votes.failures ??= new Map();
    votes.failures.set(node, error);
  }

  #answered(): void {
    this.#unanswered -= 1;
    if (this.#unanswered === 0) this.#complete();
    if (!this.#settle || (this.#undecided > 0 && this.#unanswered > 0)) return;
    this.#settle(this.#outcomes());
    this.#settle = undefined;
  }

  /** Every node has answered or failed: stores leases that a quorum has renewed on the nodes that lack them. */
  #complete(): void {
    for (const [node, leases] of this.#lacking) {
      const standings = leases.flatMap((lease) => {
        const { standing } = this.#grants[lease]!;
        return (this.#votes[lease]!.count.decision === 'for' && standing) || [];
      });
      this.#completer.complete(node, standings, this.#ttl, this.#since, () => undefined);
    }
  }

  #outcomes(): readonly RenewOutcome[] {
    const failed = this.#undecided > 0 ? this.#failed() : undefined;
    return this.#votes.map(({ count: { decision }, taken }, lease) => {
      if (decision === 'for') return RENEWED;
      if (decision === 'against') return { kind: 'lost', loss: taken ? TAKEN_OVER : BROKEN };
      return failed!.get(lease)!;
    });
  }

  /** The outcomes of the leases without a decision by a quorum. Leases that failed for the same reasons share an error. */
  #failed(): ReadonlyMap<number, RenewOutcome> {
    const alike = new Map<string, number[]>();
    for (const [lease, { count, failures = [] }] of this.#votes.entries()) {
      if (count.decision) continue;
      const reasons = [...failures].map(([node, { message }]) => `${node} ${message}`).join();
      const others = alike.get(reasons);
      if (others) others.push(lease);
      else alike.set(reasons, [lease]);
    }
    const outcomes = new Map<number, RenewOutcome>();
    for (const leases of alike.values()) {
      const outcome: RenewOutcome = { kind: 'failed', error: this.#unavailable(leases) };
      for (const lease of leases) outcomes.set(lease, outcome);
    }
    return outcomes;
  }

  #unavailable([first = 0, ...others]: readonly number[]): Error {
    const more = others.length === 0 ? '' : ` and of ${others.length} more locks`;
    return this.#nodeSet.unavailable(
      `renew the lease of ${quoted(this.#grants[first]!.name)}${more}`,
      this.#votes[first]!.failures ?? new Map(),
      this.#keys[first],
    );
  }
}

/** Reads the script's answer about one lease. */
function statusOf(answer: unknown): number | NodeError {
  return typeof answer === 'string' && Number.isNaN(Number(answer))
    ? toldError(answer)
    : oneOf(answer, 0, 1, -1);
}
