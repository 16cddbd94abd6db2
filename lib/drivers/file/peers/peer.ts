import { connect } from 'node:net';
import { type Clock, outsideCalls, type Timer } from '../../../common/clock.js';
import { MessageChannel } from './message-channel.js';
import { isWakeReply, type WakeReply, type WakeRequest } from './wake-messages.js';

/** How long an unused connection is kept, ms: two processes that take turns ask each other again and again. */
const LINGER = 2000;

export interface WatchListener {
  /** The other side answered: it will report when the grant or ticket ends. */
  held(): void;
  /** The grant or ticket has ended, or the other side cannot be reached; nothing follows. */
  gone(how: 'ended' | 'unreachable'): void;
}

export type BreakReply = 'broken' | 'unheld' | 'unreachable';

/**
 * The connection to one other driver, for all of its grants and tickets that are watched here. It calls `onEnd` when the connection
 * cannot be used any more. It keeps this process alive only while it watches or asks something.
 */
export class Peer {
  #channel: MessageChannel<WakeRequest, WakeReply>;
  #watches = new Map<string, WatchListener>();
  #breaks = new Map<string, Set<(reply: BreakReply) => void>>();
  #idle?: Timer;

  constructor(
    path: string,
    private readonly clock: Clock,
    private readonly onEnd: () => void,
  ) {
    this.#channel = new MessageChannel(
      outsideCalls(() => connect(path)),
      isWakeReply,
      (reply) => this.#take(reply),
      () => this.#end(),
    );
  }

  /** @returns a function that stops watching */
  watch(id: string, listener: WatchListener): () => void {
    this.#use();
    this.#watches.set(id, listener);
    this.#channel.send({ op: 'watch', id });
    return () => {
      if (this.#watches.get(id) !== listener) return;
      this.#watches.delete(id);
      this.#channel.send({ op: 'unwatch', id });
      this.#restIfUnused();
    };
  }

  /**
   * Asks the holder to let go of a grant.
   * @param until Unix ms; the holder refuses later than that
   * @returns a function that stops waiting for the reply
   */
  break(grantId: string, until: number, onReply: (reply: BreakReply) => void): () => void {
    this.#use();
    const waiting = this.#breaks.get(grantId) ?? new Set();
    this.#breaks.set(grantId, waiting.add(onReply));
    this.#channel.send({ op: 'break', id: grantId, pid: process.pid, until });
    return () => {
      waiting.delete(onReply);
      if (waiting.size === 0 && this.#breaks.get(grantId) === waiting) this.#breaks.delete(grantId);
      this.#restIfUnused();
    };
  }

  close(): void {
    this.#idle?.cancel();
    this.#channel.close();
  }

  #take({ op, id }: WakeReply): void {
    if (op === 'held') this.#watches.get(id)?.held();
    else if (op === 'freed') {
      const listener = this.#watches.get(id);
      this.#watches.delete(id);
      listener?.gone('ended');
    } else this.#answerBreaks(id, op);
    this.#restIfUnused();
  }

  #answerBreaks(grantId: string, reply: BreakReply): void {
    const waiting = this.#breaks.get(grantId);
    this.#breaks.delete(grantId);
    for (const onReply of waiting ?? []) onReply(reply);
  }

  #use(): void {
    this.#idle?.cancel();
    this.#idle = undefined;
    this.#channel.socket.ref();
  }

  #restIfUnused(): void {
    if (this.#watches.size > 0 || this.#breaks.size > 0 || this.#idle) return;
    this.#channel.socket.unref();
    this.#idle = this.clock.setTimer(LINGER, () => this.#retire(), 'background');
  }

  /** Takes the connection out of use at once, and not only when its socket has closed. */
  #retire(): void {
    this.onEnd();
    this.close();
  }

  #end(): void {
    this.#idle?.cancel();
    this.onEnd();
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    for (const grantId of this.#breaks.keys()) this.#answerBreaks(grantId, 'unreachable');
    for (const listener of watches) listener.gone('unreachable');
  }
}
