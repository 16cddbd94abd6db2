import type { RedlockClient } from 'redlock';
import type { Answer, Ballot } from './ballot.js';
import type { RedisClient } from './clients.js';
import { counterOf, queueOf, waitersOf } from './keys.js';
import { NodeError } from './node-error.js';
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

  constructor(node: RedisNode, index: number) {
    this.#node = node;
    this.#index = index;
  }

  evalsha(_hash: string, _keyCount: number, [ballot, , ttl]: [Ballot, string, number?]): Promise<number> {
    return this.#run('evalsha', ballot, ttl);
  }

  /** Redlock's second try, when the node has forgotten the script. */
  eval(_script: string, _keyCount: number, [ballot, , ttl]: [Ballot, string, number?]): Promise<number> {
    return this.#run('eval', ballot, ttl);
  }

  quit(): Promise<string> {
    return Promise.resolve('OK');
  }

  /** Takes the lock on this node alone, or lines up for it. */
  async join(ballot: Ballot, ttl: number): Promise<void> {
    try {
      await this.#run('evalsha', ballot, ttl);
    } catch (error) {
      if (!isNoScript(error)) throw error;
      await this.#run('eval', ballot, ttl);
    }
  }

  /** Gives the vote of an acquisition back, where it was given; never rejects. */
  giveBack(ballot: Ballot): Promise<void> {
    return this.#mayHold(ballot) ? giveBack(this.#node, ballot.key, ballot.id) : Promise.resolve();
  }

  /** @param ttl undefined for a release */
  #run(how: How, ballot: Ballot, ttl?: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const vote = (number: 0 | 1, answer: Answer): void => {
        ballot.record(this.#index, answer);
        resolve(number);
      };
      const fail = (error: NodeError): void => {
        // Redlock now sends the script itself; the answer to that counts.
        if (!isNoScript(error)) ballot.record(this.#index, error);
        reject(error);
      };
      if (ttl === undefined) this.#release(how, ballot, vote, { resolve, reject }, fail);
      else this.#acquire(how, ballot, ttl, vote, fail, 'again');
    });
  }

  /** @param then whether it may be sent once more, when the node's record or its time were not what we took them for */
  #acquire(how: How, ballot: Ballot, ttl: number, vote: Vote, fail: Fail, then: 'again' | 'give up'): void {
    const node = this.#node;
    if (ballot.over) return fail(new NodeError('was too slow to be asked again', { sent: false }));
    const again = (): void => {
      if (ballot.over) fail(new NodeError('was too slow to be asked again', { sent: false }));
      else this.#acquire(how, ballot, ttl, vote, fail, 'give up');
    };
    const refusal = node.refusal;
    if (refusal === 'enrol' && then === 'again') return node.enrol(again, fail);
    if (refusal !== undefined) return fail(refusal === 'enrol' ? changing() : refusal);
    const { hint, tokens = 1, waiter } = ballot.terms;
    const keys = lockKeys(node, ballot.key);
    if (hint !== undefined) keys.push(counterOf(ballot.key));
    const here = waiter?.node === this.#index ? waiter : undefined;
    const before = here?.before ?? '';
    const alive = here && before === '' ? here.alive : '';
    const turns = node.turnChannel(ballot.key);
    const args = [ballot.id, ttl, node.notAfter(), node.mark, hint ?? '', tokens, alive, turns, before];
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

  #release(how: How, ballot: Ballot, vote: Vote, { resolve, reject }: Settle, fail: Fail): void {
    const { id, key } = ballot;
    // Redlock gives a failed acquisition back.
    const partial = ballot.purpose === 'acquire';
    if (partial) ballot.over = true;
    if (partial && !this.#mayHold(ballot)) return resolve(0);
    const node = this.#node;
    node.call(
      (client) => run(client, how, RELEASE, lockKeys(node, key), [id, node.mark, node.turnChannel(key)]),
      (reply) => {
        if (partial) resolve(Number(reply));
        else if (Number(reply) === 1) vote(1, 'yes');
        else vote(0, 'gone');
      },
      (error) => {
        if (!error.answered) node.owe(key, id);
        // What a node said to the acquisition is what counts there.
        if (partial) reject(error);
        else fail(error);
      },
    );
  }

  /** Whether this node may hold our id after a failed acquisition, and nobody else gives it back. */
  #mayHold(ballot: Ballot): boolean {
    // A waiter keeps its place there, or its turn, and leaves by itself.
    if (ballot.terms.waiter?.node === this.#index) return false;
    const answer = ballot.answers[this.#index];
    if (answer === undefined || answer === 'yes') return true;
    return answer instanceof Error && answer.sent && !answer.answered;
  }
}

/** Takes an id out of the queue of a node, and frees the lock there if it has it; never rejects. */
export function giveBack(node: RedisNode, key: string, id: string): Promise<void> {
  return new Promise((resolve) => {
    node.run(
      RELEASE,
      lockKeys(node, key),
      [id, node.mark, node.turnChannel(key)],
      () => resolve(),
      (error) => {
        if (!error.answered) node.owe(key, id);
        resolve();
      },
    );
  });
}

/** What the scripts of a lock take as their first keys. */
export function lockKeys(node: RedisNode, key: string): string[] {
  return [key, node.recordKey(key), queueOf(key), waitersOf(key)];
}

function isNoScript(error: unknown): boolean {
  return error instanceof NodeError && error.message.startsWith('NOSCRIPT');
}

type Vote = (number: 0 | 1, answer: Answer) => void;
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
