import { type Consequence, failureOf, type FailureKind, kindOf } from './failures.js';

interface NodeErrorOptions {
  readonly sent?: boolean;
  readonly answered?: boolean;
  readonly told?: boolean;
  readonly code?: string;
  readonly endsIn?: number;
  readonly kind?: FailureKind;
}

/** Why one node did not do what it was asked. Built from text alone, so that it keeps nothing of the command. */
export class NodeError extends Error {
  declare readonly code?: string;
  readonly #sent: boolean;
  readonly #answered: boolean;
  readonly #told: boolean;
  readonly #endsIn: number | undefined;
  readonly #kind: FailureKind;

  constructor(message: string, options: NodeErrorOptions = {}) {
    super(message);
    Object.defineProperty(this, 'name', { value: 'NodeError', configurable: true });
    this.#sent = options.sent ?? true;
    this.#answered = options.answered ?? false;
    this.#told = options.told ?? this.#answered;
    this.#endsIn = options.endsIn;
    this.#kind = options.kind ?? 'other';
    if (options.code !== undefined) this.code = options.code;
  }

  /** False when the command never left this process, so that it cannot have had an effect. */
  get sent(): boolean {
    return this.#sent;
  }

  /** True when Redis itself answered with an error. */
  get answered(): boolean {
    return this.#answered;
  }

  /** True when Redis itself gave the reason, as the answer to this command or to an earlier one. */
  get told(): boolean {
    return this.#told;
  }

  /** In how many ms the reason is over, where that is known. */
  get endsIn(): number | undefined {
    return this.#endsIn;
  }

  /** The kind of failure. */
  get kind(): FailureKind {
    return this.#kind;
  }

  /** What the node does about it. */
  get consequence(): Consequence {
    return failureOf(this.#kind).consequence ?? 'refuse';
  }

  /** True when Redis answered and would always answer the same: the command had no effect and never will. */
  get final(): boolean {
    return this.#answered && this.consequence === 'refuse' && this.#kind !== 'moving-slot';
  }

  /** The same reason, for another command: one that was not sent because of it, or one that was sent and not answered. */
  asReason(sent: boolean): NodeError {
    return new NodeError(this.message, { sent, told: this.#told, code: this.code, kind: this.#kind });
  }
}

/** The node was not asked, as the others had decided by then. That is no failure of the node. */
export class NotAskedError extends NodeError {
  constructor(message: string) {
    super(message, { sent: false });
  }
}

/** ioredis' errors carry the command with its arguments, AUTH's password among them: only their text and code are kept. */
export function cleanError(error: unknown, secrets: readonly string[] = []): NodeError {
  if (error instanceof NodeError) return error;
  if (!(error instanceof Error)) return new NodeError('an unknown failure');
  let message = error.message === '' ? error.name : error.message;
  // A Cluster client puts the error of its node into a property of its own.
  if ('lastNodeError' in error && error.lastNodeError instanceof Error)
    message += ` ${error.lastNodeError.message}`;
  for (const secret of secrets) message = message.replaceAll(secret, '[secret]');
  const answered = error.name === 'ReplyError' || /^[A-Z]{2,} /.test(message);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return new NodeError(message, { answered, code, kind: kindOf(code, message) });
}

/** An error that Redis reports inside another answer. */
export function toldError(text: string): NodeError {
  return new NodeError(text, { answered: true, kind: kindOf(undefined, text) });
}
