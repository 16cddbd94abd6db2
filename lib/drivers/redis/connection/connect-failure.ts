import { cleanError, type FailureKind, NodeError } from '../errors/index.js';

/** ioredis reports these when every sentinel or seed failed. The reason of each one tells more. */
const GENERAL: readonly FailureKind[] = ['no-sentinel-answers', 'no-seed-answers'];

/** What the watch over the sentinels learns and ioredis does not tell: it only says that the connection is closed. */
const OF_SENTINELS: readonly FailureKind[] = [
  'no-files',
  'no-ports',
  'other-name',
  'old-certificate',
  'no-client-certificate',
  'certificate',
  'plain-port',
  'tls-port',
  'no-redis',
  'protected-mode',
];

/** Finds out from the events of one client why it does not connect. */
export class ConnectFailure {
  readonly #secrets: readonly string[];
  #tls: boolean | undefined;
  #told: NodeError | undefined;
  #detail: NodeError | undefined;
  /** Counts only where no sentinel was of use: the others may be. */
  #ofSentinel: NodeError | undefined;

  /** @param tls whether the connection speaks TLS; undefined when that setting is surely right */
  constructor(secrets: readonly string[], tls: boolean | undefined) {
    this.#secrets = secrets;
    this.#tls = tls;
  }

  readonly told = (error: unknown): void => {
    this.#told = cleanError(error, this.#secrets);
  };

  /** The error of a single sentinel or seed. */
  readonly detail = (error: unknown): void => {
    this.#detail = cleanError(error, this.#secrets);
  };

  /** The error of the watch's connection to a sentinel. */
  readonly ofSentinel = (error: unknown): void => {
    const failure = cleanError(error, this.#secrets);
    if (OF_SENTINELS.includes(failure.kind)) this.#ofSentinel = failure;
  };

  /** Throws an error that ioredis reported and then ignored: without this, a refused SELECT would mean database 0. */
  check(): void {
    if (this.#told?.answered) throw this.#told;
  }

  /** The node has answered: from now on, TLS cannot be why the connection ends. */
  proven(): void {
    this.#tls = undefined;
  }

  /** A sentinel has closed the connection, and only the watch over the sentinels learns why. */
  get isVague(): boolean {
    return this.#told?.kind === 'no-sentinel-answers' && this.#told.message.includes('Connection is closed');
  }

  silence(ms: number): NodeError {
    const doubt = this.#tls === true ? '; if this is a plain port, use redis:// instead of rediss://' : '';
    return this.#best() ?? new NodeError(`no answer within ${ms} ms${doubt}`, { code: 'ETIMEDOUT' });
  }

  ending(): NodeError {
    const best = this.#best();
    if (best && best.code !== 'ECONNRESET' && best.code !== 'EPIPE') return best;
    const plain = this.#tls === false ? '; if this is a TLS port, use rediss:// instead of redis://' : '';
    // It closes the connection at a command that it does not know, without a word.
    const doubt =
      this.#tls === undefined
        ? ''
        : `${plain}; if this is a proxy (twemproxy), use the address of Redis itself`;
    return new NodeError(`the connection was closed${doubt}`, { code: best?.code });
  }

  failure(error: unknown): NodeError {
    const failure = cleanError(error, this.#secrets);
    return failure.answered ? failure : this.ending();
  }

  #best(): NodeError | undefined {
    const told = this.#told;
    const detail = this.#detail?.message.startsWith('Connection is closed') ? undefined : this.#detail;
    return told && GENERAL.includes(told.kind) ? (this.#ofSentinel ?? detail ?? told) : (told ?? detail);
  }
}
