/** Why one node did not do what it was asked. Built from text alone, so that nothing of the command is kept. */
export class NodeError extends Error {
  declare readonly code?: string;
  readonly #sent: boolean;
  readonly #answered: boolean;
  readonly #endsIn: number | undefined;

  constructor(
    message: string,
    options: { sent?: boolean; answered?: boolean; code?: string; endsIn?: number } = {},
  ) {
    super(message);
    Object.defineProperty(this, 'name', { value: 'NodeError', configurable: true });
    this.#sent = options.sent ?? true;
    this.#answered = options.answered ?? false;
    this.#endsIn = options.endsIn;
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

  /** After how many ms the reason will have passed, where that is known. */
  get endsIn(): number | undefined {
    return this.#endsIn;
  }
}

/** ioredis' errors carry the command with its arguments, AUTH's password among them: only their text and code are kept. */
export function cleanError(error: unknown, secrets: readonly string[] = []): NodeError {
  if (error instanceof NodeError) return error;
  if (!(error instanceof Error)) return new NodeError('an unknown failure');
  let message = error.message === '' ? error.name : error.message;
  // A cluster client hides what its nodes said in a property of its own.
  if ('lastNodeError' in error && error.lastNodeError instanceof Error)
    message += ` ${error.lastNodeError.message}`;
  for (const secret of secrets) message = message.replaceAll(secret, '[secret]');
  const answered = error.name === 'ReplyError' || /^[A-Z]{2,} /.test(message);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return new NodeError(message, { answered, code });
}
