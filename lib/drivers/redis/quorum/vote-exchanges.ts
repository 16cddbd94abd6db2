import { isShare } from '../../share-id.js';
import type { RedisClient } from '../connection/index.js';
import { NodeError, NotAskedError } from '../errors/index.js';
import { Exchange, Rank, type RedisNode, releaseArgs } from '../node/index.js';
import {
  ACQUIRE,
  BY_NAME,
  COUNT,
  counterOf,
  oneOf,
  positiveNumber,
  RELEASE,
  RELEASE_SHARE,
  runScript,
  ScriptKeys,
  type Sending,
  sendingAfter,
  SHARE,
  textOf,
  wholeNumber,
} from '../scripts/index.js';
import type { Answer, Votes } from './votes.js';

/** Called when the answer is among the votes, with whether it is in favour. */
export type Done = (inFavour: boolean) => void;

/** A question to one node. */
export interface Question {
  readonly node: RedisNode;
  /** The number of the node. */
  readonly index: number;
  readonly votes: Votes;
  readonly done: Done;
}

/** A script that one node runs for a set of votes. */
export abstract class VoteExchange extends Exchange {
  constructor(
    protected readonly question: Question,
    protected readonly how: Sending,
  ) {
    super();
  }

  begin(): void {
    this.question.node.exchange(this);
  }

  onError(error: NodeError): void {
    const how = sendingAfter(this.how, error);
    if (how) this.sendAgain(how);
    else this.fail(error);
  }

  protected abstract sendAgain(how: Sending): void;

  protected answer(answer: Answer): void {
    const { votes, index, done } = this.question;
    votes.record(index, answer);
    done(answer === 'yes');
  }

  protected fail(error: NodeError): void {
    this.answer(error);
  }
}

/** Takes the lock on one node, or enters its queue. */
export class AcquireExchange extends VoteExchange {
  /** The record of the node that the command names. */
  #epoch = '';

  /** @param again true for the second try: the node's record or its time was not as expected at the first one */
  constructor(
    question: Question,
    private readonly ttl: number,
    how = BY_NAME,
    private readonly again = false,
  ) {
    super(question, how);
  }

  get rank(): Rank {
    return Rank.acquisition;
  }

  override get unwanted(): NodeError | undefined {
    const { state, terms } = this.question.votes;
    if (state === 'withdrawn') return new NotAskedError('was not asked, as the others have decided');
    if (state === 'decided' || !terms.caller?.hasCancelled) return undefined;
    if (terms.caller.hasGone === true)
      return new NodeError('was not asked, as its caller has gone', { sent: false });
    // There is room to send it. A caller whose time was used up before this point still gets its one try.
    if (!this.waited) return undefined;
    return new NodeError(
      'was not asked within the time allowed: too many commands of this process waited to be sent before it',
      { sent: false },
    );
  }

  override begin(): void {
    const { votes, node } = this.question;
    if (votes.state !== 'open') return this.fail(new NotAskedError('was too slow to be asked again'));
    const refusal = node.admissionFor(this.ttl);
    if (refusal === undefined) node.exchange(this);
    else if (refusal === 'sync') this.#sync(changing);
    else this.fail(refusal);
  }

  send(client: RedisClient): Promise<unknown> {
    const { node, votes, index } = this.question;
    votes.asked(this.sentAt);
    this.#epoch = node.epoch;
    const { hint, tokens = 1, waiter, downgrade } = votes.terms;
    const keys = node.lockKeys.of(votes.key);
    const here = waiter?.node === index ? waiter : undefined;
    const before = here?.before ?? downgrade ?? '';
    const alive = here && before === '' ? here.alive : '';
    const args = [votes.id, String(this.ttl), String(node.notAfter(this.sentAt)), this.#epoch, String(alive)];
    if (before !== '' || hint !== undefined || node.sharded || downgrade)
      args.push(before, String(hint ?? ''), String(tokens), node.turnChannel(votes.key));
    if (isShare(votes.id)) {
      if (downgrade) args.push('1');
      return runScript(client, SHARE, keys.sharing, args, this.how);
    }
    return runScript(client, ACQUIRE, hint === undefined ? keys.plain : keys.counting, args, this.how);
  }

  onReply(reply: unknown): void {
    const { node } = this.question;
    if (!Array.isArray(reply)) {
      const now = positiveNumber(reply);
      return this.how.alone ? this.#count(now) : this.#taken(now);
    }
    const status = oneOf(reply[0], 0, 1, 2, 3);
    const now = positiveNumber(reply[1]);
    if (status === 1) return this.#taken(now, positiveNumber(reply[2]));
    const busy = status === 0 ? { pttl: wholeNumber(reply[2]), holder: textOf(reply[3]) } : undefined;
    node.observe(now, this.sentAt);
    if (busy) return this.answer(busy);
    if (status === 3) this.#sync(changing, node.refused(this.#epoch));
    else this.#sync(tooLate);
  }

  /** @param now the node's time, µs */
  #taken(now: number, token?: number): void {
    const { node, votes, index } = this.question;
    const jumped = node.observe(now, this.sentAt);
    if (jumped) return this.fail(jumped);
    votes.recordVote(index, this.departure, token);
    this.question.done(true);
  }

  /** The key is ours. Its counter may be at another server and was not asked yet. */
  #count(now: number): void {
    const { node, votes } = this.question;
    const { hint, tokens = 1 } = votes.terms;
    if (hint === undefined) return this.#taken(now);
    node.run(
      COUNT,
      new ScriptKeys([counterOf(votes.key)]),
      [String(hint), String(tokens)],
      (token) => this.#taken(now, positiveNumber(token)),
      // Whatever this error says, the node holds the key for us: so the new error does not count as answered.
      ({ message, code }) => this.fail(new NodeError(message, { code })),
      Rank.acquisition,
    );
  }

  protected sendAgain(how: Sending): void {
    new AcquireExchange(this.question, this.ttl, how, this.again).begin();
  }

  /**
   * Reads the node's record and its time, and asks again; gives up for that reason at the second time.
   * @param counts false when the first command could not have been granted: it was sent while the record was not known
   */
  #sync(reason: () => NodeError, counts = true): void {
    if (this.again && counts) return this.fail(reason());
    this.question.node.sync(
      () => new AcquireExchange(this.question, this.ttl, this.how, this.again || counts).begin(),
      (error) => this.fail(error),
    );
  }
}

function changing(): NodeError {
  return new NodeError('its record keeps changing', { answered: true });
}

function tooLate(): NodeError {
  return new NodeError('got the command too late', { answered: true });
}

/** Frees the lock on one node, at once or as soon as the node can be reached. */
export class ReleaseExchange extends VoteExchange {
  constructor(question: Question, how = BY_NAME) {
    super(question, how);
  }

  get rank(): Rank {
    return Rank.release;
  }

  send(client: RedisClient): Promise<unknown> {
    const { node, votes } = this.question;
    const keys = node.lockKeys.of(votes.key);
    const args = releaseArgs(node, votes.key, votes.id);
    return isShare(votes.id)
      ? runScript(client, RELEASE_SHARE, keys.sharing, args, this.how)
      : runScript(client, RELEASE, keys.plain, args, this.how);
  }

  onReply(reply: unknown): void {
    this.answer(oneOf(reply, 0, 1, -1) === 1 ? 'yes' : 'gone');
  }

  protected sendAgain(how: Sending): void {
    new ReleaseExchange(this.question, how).begin();
  }

  protected override fail(error: NodeError): void {
    const { node, votes } = this.question;
    if (!error.final) node.releaseLater(votes.key, votes.id);
    super.fail(error);
  }
}
