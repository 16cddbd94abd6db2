import type { RedlockClient } from 'redlock';
import type { Ballot } from './ballot.js';
import type { RedisClient } from './clients.js';
import { counterOf } from './keys.js';
import { NodeError } from './node-error.js';
import { NODE_RECORD } from './node-record.js';
import type { RedisNode } from './redis-node.js';
import { ACQUIRE, RELEASE, type Script } from './scripts.js';

type How = 'eval' | 'evalsha';

/**
 * What Redlock takes for a Redis client: one per node, with the three methods that it calls. Runs our scripts in the
 * place of Redlock's, keeps each node's whole reply on the ballot and hands Redlock its number.
 */
export class StandIn implements RedlockClient<Ballot> {
  readonly #node: RedisNode;
  readonly #index: number;
  readonly #channelOf: (key: string) => string;

  constructor(node: RedisNode, index: number, channelOf: (key: string) => string) {
    this.#node = node;
    this.#index = index;
    this.#channelOf = channelOf;
  }

  evalsha(_hash: string, _keyCount: number, args: [Ballot, string, number?]): Promise<number> {
    return this.#run('evalsha', args);
  }

  /** Redlock's second try, when the node has forgotten the script. */
  eval(_script: string, _keyCount: number, args: [Ballot, string, number?]): Promise<number> {
    return this.#run('eval', args);
  }

  quit(): Promise<string> {
    return Promise.resolve('OK');
  }

  #run(how: How, [ballot, id, ttl = 0]: [Ballot, string, number?]): Promise<number> {
    return new Promise((resolve, reject) => {
      const vote = (number: 0 | 1, answer: Ballot['answers'][number]): void => {
        ballot.answers[this.#index] = answer;
        resolve(number);
      };
      const fail = (error: NodeError): void => {
        // Redlock now sends the script itself; the answer to that counts.
        if (!error.message.startsWith('NOSCRIPT')) ballot.answers[this.#index] = error;
        reject(error);
      };
      if (ttl === 0) this.#release(how, ballot, id, vote, { resolve, reject }, fail);
      else this.#acquire(how, ballot, id, ttl, vote, fail, 'again');
    });
  }

  /** @param then whether it may be sent once more, when the node's record or its time were not what we took them for */
  #acquire(
    how: How,
    ballot: Ballot,
    id: string,
    ttl: number,
    vote: Vote,
    fail: Fail,
    then: 'again' | 'give up',
  ): void {
    ballot.id = id;
    const node = this.#node;
    const again = (): void => {
      if (ballot.over) fail(new NodeError('was too slow to be asked again', { sent: false }));
      else this.#acquire(how, ballot, id, ttl, vote, fail, 'give up');
    };
    const refusal = node.refusal;
    if (refusal === 'enrol' && then === 'again') return node.enrol(again, fail);
    if (refusal !== undefined) return fail(refusal === 'enrol' ? changing() : refusal);
    const { hint } = ballot;
    const record = node.record?.text ?? '';
    const keys = [ballot.key, record === '' ? ballot.key : NODE_RECORD];
    if (hint !== undefined) keys.push(counterOf(ballot.key));
    const args = [id, ttl, node.notAfter(), record, hint ?? ''];
    node.call(
      (client) => run(client, how, ACQUIRE, keys, args),
      (reply, sentAt) => {
        const [status, now, third] = numbers(reply);
        const jumped = node.observe(now, sentAt);
        if (status === 0) return vote(0, { pttl: third, holder: String((reply as unknown[])[3]) });
        if (status === 1) {
          if (jumped) return fail(jumped);
          if (hint !== undefined) ballot.tokens[this.#index] = third;
          return vote(1, 'yes');
        }
        if (status === 3) node.record?.forget();
        if (then === 'again') node.enrol(again, fail);
        else fail(status === 3 ? changing() : new NodeError('got the command too late', { answered: true }));
      },
      fail,
    );
  }

  #release(how: How, ballot: Ballot, id: string, vote: Vote, { resolve, reject }: Settle, fail: Fail): void {
    const { key } = ballot;
    // Redlock gives a failed acquisition back. Nobody waits for that: telling would wake the losers of a split vote.
    const partial = ballot.purpose === 'acquire';
    if (partial) ballot.over = true;
    if (partial && !this.#mayHold(ballot)) return resolve(0);
    const channel = partial ? '' : this.#channelOf(key);
    this.#node.call(
      (client) => run(client, how, RELEASE, [key], [id, channel]),
      (reply) => {
        if (partial) resolve(Number(reply));
        else if (Number(reply) === 1) vote(1, 'yes');
        else vote(0, 'gone');
      },
      (error) => {
        if (!error.answered) this.#node.owe(key, id);
        // What a node said to the acquisition is what counts there.
        if (partial) reject(error);
        else fail(error);
      },
    );
  }

  /** Whether this node may hold our id after a failed acquisition. */
  #mayHold(ballot: Ballot): boolean {
    const answer = ballot.answers[this.#index];
    if (answer === undefined || answer === 'yes') return true;
    return answer instanceof Error && answer.sent && !answer.answered;
  }
}

type Vote = (number: 0 | 1, answer: Ballot['answers'][number]) => void;
type Fail = (error: NodeError) => void;

interface Settle {
  readonly resolve: (vote: number) => void;
  readonly reject: (error: NodeError) => void;
}

function run(
  client: RedisClient,
  how: How,
  script: Script,
  keys: string[],
  args: (string | number)[],
): Promise<unknown> {
  return client[how](how === 'eval' ? script.text : script.sha, keys.length, ...keys, ...args);
}

/** A client may be set to give numbers as text. */
function numbers(reply: unknown): [number, number, number] {
  const [first, second, third] = reply as unknown[];
  return [Number(first), Number(second), Number(third)];
}

function changing(): NodeError {
  return new NodeError('its record keeps changing', { answered: true });
}
