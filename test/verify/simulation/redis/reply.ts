/** What a command gives; `null` is nil. An error is a value here, as a script may meet it and a client rejects with it. */
export type Reply = number | string | null | Status | CommandError | readonly Reply[];

/** A line such as OK, which a script sees as a table. */
export class Status {
  constructor(readonly text: string) {}
}

/** As ioredis rejects with it. */
export class CommandError extends Error {
  override readonly name = 'ReplyError';
}
