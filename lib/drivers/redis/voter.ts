import type { Answer, Ballot } from './ballot.js';
import type { RedisClient } from './clients.js';
import { counterOf, queueOf } from './keys.js';
import type { ElectedNode } from './electorate.js';
import { NodeError } from './node-error.js';
import { Exchange, Rank } from './pending.js';
import type { RedisNode } from './redis-node.js';
import { oneOf, positiveNumber, textOf, wholeNumber } from './replies.js';
import { BY_NAME, runScript, ScriptKeys, type Sending, sendingAfter } from './script.js';
import { ACQUIRE, COUNT, LEAVE, RELEASE } from './scripts.js';

/** Told when the answer is on the ballot: whether it is a vote in favour. */
export type Done = (inFavour: boolean) => void;

/** One node, as those see it who ask for its vote. What it really said is on the ballot then. */
export class Voter {
  constructor(
    private readonly node: ElectedNode,
    private readonly index: number,
  ) {}

  /** Takes the lock on this node, or lines up for it. */
  acquire(ballot: Ballot, ttl: number, done: Done): void {
    new Acquisition(this.#ask(ballot, done), ttl).begin();
  }

  release(ballot: Ballot, done: Done): void {
    new Release(this.#ask(ballot, done)).begin();
  }

  /** Gives the vote of an acquisition back, where it was given; never rejects. */
  giveBack(ballot: Ballot): Promise<void> {
    if (!this.#mayHold(ballot)) return Promise.resolve();
    return giveBack(this.node.at(ballot.key), ballot.key, ballot.id);
  }

  #ask(ballot: Ballot, done: Done): Question {
    return { node: this.node.at(ballot.key), index: this.index, ballot, done };
  }

  /** Whether this node may hold our id after a failed acquisition, and nobody else gives it back. */
  #mayHold(ballot: Ballot): boolean {
    // A waiter keeps its place there, or its turn, and leaves by itself.
    if (ballot.terms.waiter?.node === this.index) return false;
    const answer = ballot.answers[this.index];
    if (answer === undefined || answer === 'yes') return true;
    return answer instanceof Error && answer.sent && !answer.answered;
  }
}

interface Question {
  readonly node: RedisNode;
  /** Of the node. */
  readonly index: number;
  readonly ballot: Ballot;
  readonly done: Done;
}

/** A script that one node is asked to run for a ballot. */
abstract class Asking extends Exchange {
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
    const { ballot, index, done } = this.question;
    ballot.record(index, answer);
    done(answer === 'yes');
  }

  protected fail(error: NodeError): void {
    this.answer(error);
  }
}

class Acquisition extends Asking {
  /** @param again it is sent for the second time: the node's record or its time were not what we took them for */
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
    const { state, terms } = this.question.ballot;
    if (state === 'withdrawn')
      return new NodeError('was not asked, as the others have decided', { sent: false });
    if (state === 'decided' || !terms.asker?.hasGone) return undefined;
    return new NodeError(
      'was not asked within the time allowed: too many commands of this process waited to be sent before it',
      { sent: false },
    );
  }

  override begin(): void {
    const { ballot, node } = this.question;
    if (ballot.state !== 'open')
      return this.fail(new NodeError('was too slow to be asked again', { sent: false }));
    const refusal = node.refusalFor(this.ttl);
    if (refusal === undefined) node.exchange(this);
    else if (refusal === 'enrol') this.#enrol(changing);
    else this.fail(refusal);
  }

  send(client: RedisClient): Promise<unknown> {
    const { node, ballot, index } = this.question;
    ballot.askedAt ??= this.sentAt;
    const { hint, tokens = 1, waiter } = ballot.terms;
    const keys = node.lockKeys.of(ballot.key);
    const here = waiter?.node === index ? waiter : undefined;
    const before = here?.before ?? '';
    const alive = here && before === '' ? here.alive : '';
    const args = [ballot.id, String(this.ttl), String(node.notAfter(this.sentAt)), node.mark, String(alive)];
    if (before !== '' || hint !== undefined || node.sharded)
      args.push(before, String(hint ?? ''), String(tokens), node.turnChannel(ballot.key));
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
    if (status === 3) node.record?.forget();
    this.#enrol(status === 3 ? changing : tooLate);
  }

  /** @param now the node's time, µs */
  #taken(now: number, token?: number): void {
    const { node, ballot, index } = this.question;
    const jumped = node.observe(now, this.sentAt);
    if (jumped) return this.fail(jumped);
    if (token !== undefined) (ballot.tokens ??= [])[index] = token;
    ballot.recordVote(index, this.departure);
    this.question.done(true);
  }

  /** The key is ours, and its counter, which may be at another server, has not been asked yet. */
  #count(now: number): void {
    const { node, ballot } = this.question;
    const { hint, tokens = 1 } = ballot.terms;
    if (hint === undefined) return this.#taken(now);
    node.run(
      COUNT,
      new ScriptKeys([counterOf(ballot.key)]),
      [String(hint), String(tokens)],
      (token) => this.#taken(now, positiveNumber(token)),
      // Whatever Redis said, it has the key for us.
      ({ message, code }) => this.fail(new NodeError(message, { code })),
      Rank.acquisition,
    );
  }

  protected sendAgain(how: Sending): void {
    new Acquisition(this.question, this.ttl, how, this.again).begin();
  }

  /** Reads the node's record and its time, and asks again; the second time it is given up for that reason. */
  #enrol(reason: () => NodeError): void {
    if (this.again) return this.fail(reason());
    this.question.node.enrol(
      () => new Acquisition(this.question, this.ttl, this.how, true).begin(),
      (error) => this.fail(error),
    );
  }
}

class Release extends Asking {
  constructor(question: Question, how = BY_NAME) {
    super(question, how);
  }

  get rank(): Rank {
    return Rank.release;
  }

  send(client: RedisClient): Promise<unknown> {
    const { node, ballot } = this.question;
    const { plain } = node.lockKeys.of(ballot.key);
    return runScript(client, RELEASE, plain, releaseArgs(node, ballot.key, ballot.id), this.how);
  }

  onReply(reply: unknown): void {
    this.answer(oneOf(reply, 0, 1, -1) === 1 ? 'yes' : 'gone');
  }

  protected sendAgain(how: Sending): void {
    new Release(this.question, how).begin();
  }

  protected override fail(error: NodeError): void {
    const { node, ballot } = this.question;
    if (!error.final) node.owe(ballot.key, ballot.id);
    super.fail(error);
  }
}

/** Takes an id out of the queue of a node, and frees the lock there if it has it; never rejects. */
export function giveBack(node: RedisNode, key: string, id: string): Promise<void> {
  return new Promise((resolve) => {
    node.run(
      RELEASE,
      node.lockKeys.of(key).plain,
      releaseArgs(node, key, id),
      (reply) => {
        if (oneOf(reply, 0, 1, -1) !== -1) return resolve();
        node.run(
          LEAVE,
          new ScriptKeys([queueOf(key)]),
          [id],
          () => resolve(),
          () => resolve(),
          Rank.release,
        );
      },
      (error) => {
        if (!error.final) node.owe(key, id);
        resolve();
      },
      Rank.release,
    );
  });
}

/** What {@link RELEASE} takes as its arguments. */
export function releaseArgs(node: RedisNode, key: string, id: string): string[] {
  return node.sharded ? [id, node.mark, node.turnChannel(key)] : [id, node.mark];
}

function changing(): NodeError {
  return new NodeError('its record keeps changing', { answered: true });
}

function tooLate(): NodeError {
  return new NodeError('got the command too late', { answered: true });
}
