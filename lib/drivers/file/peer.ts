import { connect } from 'node:net';
import { LineChannel } from './line-channel.js';
import { isWakeReply, type WakeReply, type WakeRequest } from './wake-messages.js';

export interface GrantListener {
  /** The holder answered: it will tell when the grant ends. */
  held(): void;
  /** The grant has ended, or its holder cannot be reached; nothing follows. */
  gone(): void;
}

export type BreakReply = 'broken' | 'unheld' | 'unreachable';

/**
 * The connection to one holder of locks, for all the grants of it that are watched here. `onUnused` is called once,
 * when nobody needs it any more or when it is closed.
 */
export class Peer {
  #channel: LineChannel<WakeRequest, WakeReply>;
  #watches = new Map<string, GrantListener>();
  #breaks = new Map<string, Set<(reply: BreakReply) => void>>();

  constructor(
    path: string,
    private readonly onUnused: () => void,
  ) {
    this.#channel = new LineChannel(
      connect(path),
      isWakeReply,
      (reply) => this.#take(reply),
      () => this.#end(),
    );
  }

  /** Returns how to stop watching. */
  watch(grantId: string, listener: GrantListener): () => void {
    this.#watches.set(grantId, listener);
    this.#channel.send({ op: 'watch', grant: grantId });
    return () => {
      if (this.#watches.get(grantId) !== listener) return;
      this.#watches.delete(grantId);
      this.#channel.send({ op: 'unwatch', grant: grantId });
      this.#closeIfUnused();
    };
  }

  /** Asks the holder to let go of a grant before `until` (Unix ms); returns how to give that up. */
  break(grantId: string, until: number, onReply: (reply: BreakReply) => void): () => void {
    const waiting = this.#breaks.get(grantId) ?? new Set();
    this.#breaks.set(grantId, waiting.add(onReply));
    this.#channel.send({ op: 'break', grant: grantId, pid: process.pid, until });
    return () => {
      waiting.delete(onReply);
      if (waiting.size === 0 && this.#breaks.get(grantId) === waiting) this.#breaks.delete(grantId);
      this.#closeIfUnused();
    };
  }

  close(): void {
    this.#channel.close();
  }

  #take({ op, grant }: WakeReply): void {
    if (op === 'held') this.#watches.get(grant)?.held();
    else if (op === 'freed') {
      const listener = this.#watches.get(grant);
      this.#watches.delete(grant);
      listener?.gone();
    } else this.#answerBreaks(grant, op);
    this.#closeIfUnused();
  }

  #answerBreaks(grantId: string, reply: BreakReply): void {
    const waiting = this.#breaks.get(grantId);
    this.#breaks.delete(grantId);
    for (const onReply of waiting ?? []) onReply(reply);
  }

  #closeIfUnused(): void {
    if (this.#watches.size > 0 || this.#breaks.size > 0) return;
    this.onUnused();
    this.close();
  }

  #end(): void {
    this.onUnused();
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    for (const grantId of this.#breaks.keys()) this.#answerBreaks(grantId, 'unreachable');
    for (const listener of watches) listener.gone();
  }
}
