import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { Command, Redis } from 'ioredis';
import type { RedisClient } from '../connection/index.js';
import { NodeError } from '../errors/index.js';

const AS_TEXT = { replyEncoding: 'utf8' } as const;

/** A Lua script, and the name under which Redis keeps it. */
export class Script {
  readonly sha: string;
  /** The beginning of each call of it. */
  readonly encoded: string;

  /** @param alone does what can be done with the first key only, while the slot moves to another server of the Cluster */
  constructor(
    readonly text: string,
    readonly alone?: Script,
  ) {
    this.sha = createHash('sha1').update(text).digest('hex');
    this.encoded = encoded('evalsha') + encoded(this.sha);
  }
}

/** The keys of a script, and how many there are. */
export class ScriptKeys {
  readonly encoded: string;
  #alone: ScriptKeys | undefined;

  constructor(readonly names: readonly string[]) {
    // `join` makes one flat text, which need not be flattened again for each call.
    this.encoded = [encoded(String(names.length)), ...names.map(encoded)].join('');
  }

  /** The keys as they stand in a call. */
  get args(): readonly string[] {
    return [String(this.names.length), ...this.names];
  }

  /** The first key only. */
  get alone(): ScriptKeys {
    this.#alone ??= new ScriptKeys(this.names.slice(0, 1));
    return this.#alone;
  }
}

/**
 * Runs a script that the node has, by its hash. In ioredis a command costs by the number of its arguments. So the constant part is
 * encoded in Redis' protocol only once, for clients that take it so.
 */
export function callScript(
  client: RedisClient,
  script: Script,
  keys: ScriptKeys,
  args: readonly string[],
): Promise<unknown> {
  // A client of the application may come from another copy of ioredis, or change each command before it is sent.
  if (client instanceof Redis && !client.options.keyPrefix && !client.options.enableAutoPipelining)
    return client.sendCommand(new ScriptCall(script, keys, args)) as Promise<unknown>;
  return client.evalsha(script.sha, keys.names.length, ...keys.names, ...args);
}

/** How a script is sent. */
export interface Sending {
  /** With its text, as the node may have forgotten it. */
  readonly whole: boolean;
  /** For its first key only, as the others may be at another server. */
  readonly alone: boolean;
}

export const BY_NAME: Sending = { whole: false, alone: false };

/** How to send the script after that answer; undefined when sending it again would not help. */
export function sendingAfter({ whole, alone }: Sending, { kind }: NodeError): Sending | undefined {
  if (!whole && kind === 'no-script') return { whole: true, alone };
  // The script failed before it began, or in the middle. Either way, what it has done may be done again.
  return !alone && kind === 'moving-slot' ? { whole: false, alone: true } : undefined;
}

/** Whether Redis has stopped a script in the middle, because one of its keys went missing while its slot moves. */
export function isHalfDone({ message }: NodeError): boolean {
  return message.includes('non local key');
}

export function runScript(
  client: RedisClient,
  script: Script,
  keys: ScriptKeys,
  args: readonly string[],
  { whole, alone }: Sending,
): Promise<unknown> {
  const send = whole ? sendScript : callScript;
  return alone && script.alone
    ? send(client, script.alone, keys.alone, args)
    : send(client, script, keys, args);
}

/** The same with the text of the script, as the node may have forgotten it. */
export function sendScript(
  client: RedisClient,
  { text }: Script,
  { names }: ScriptKeys,
  args: readonly string[],
): Promise<unknown> {
  return client.eval(text, names.length, ...names, ...args);
}

/** The command that `evalsha` sends. */
class ScriptCall extends Command {
  readonly #script: Script;
  readonly #keys: ScriptKeys;
  readonly #rest: readonly string[];

  static {
    // The whole list, for code that looks at commands. Sending does not need it.
    Object.defineProperty(this.prototype, 'args', {
      get(this: ScriptCall) {
        // Empty while ioredis constructs the command.
        return #rest in this ? [this.#script.sha].concat(this.#keys.args, this.#rest) : [];
      },
      set() {
        // ioredis sets an empty list here.
      },
    });
  }

  constructor(script: Script, keys: ScriptKeys, args: readonly string[]) {
    super('evalsha', [], AS_TEXT);
    this.#script = script;
    this.#keys = keys;
    this.#rest = args;
  }

  override toWritable(): string {
    // The names of the command and of the script, and the number of keys, stand before the keys.
    const count = 3 + this.#keys.names.length + this.#rest.length;
    let text = `*${count}${END}` + this.#script.encoded + this.#keys.encoded;
    for (const arg of this.#rest) text = text + beginning(arg) + arg + END;
    return text;
  }
}

const END = '\r\n';

/** The beginnings of short texts, by their length; made once. */
const BEGINNINGS = Array.from({ length: 128 }, (_, length) => `$${length}${END}`);

/** https://redis.io/docs/latest/develop/reference/protocol-spec/#bulk-strings */
function beginning(text: string): string {
  const length = Buffer.byteLength(text);
  return BEGINNINGS[length] ?? `$${length}${END}`;
}

function encoded(text: string): string {
  return beginning(text) + text + END;
}

/*
 * These functions check the replies of scripts before they are used. A proxy, a server that only looks like Redis, or a connection that
 * is out of step may answer anything.
 */

/** How much of an odd answer is shown. */
const SHOWN = 80;

/** It is unknown what the command has done, so the error counts as not answered. */
export function oddAnswer(reply: unknown): NodeError {
  const text = inspect(reply, { depth: 1, breakLength: Infinity, maxArrayLength: 5, maxStringLength: SHOWN });
  return new NodeError(
    `gave an answer that Redis does not give (${text.slice(0, SHOWN)}): is it a proxy, or something else than Redis?`,
    { kind: 'odd-answer' },
  );
}

/**
 * Reads a whole number, also as text: a client may be set to give numbers as text.
 * @throws NodeError, as all functions here do
 */
export function wholeNumber(reply: unknown): number {
  const number = typeof reply === 'string' && /^-?\d+$/.test(reply) ? Number(reply) : reply;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  throw oddAnswer(reply);
}

/** A time of the node, or a token. */
export function positiveNumber(reply: unknown): number {
  const number = wholeNumber(reply);
  if (number > 0) return number;
  throw oddAnswer(reply);
}

/** One of the numbers that a script may answer. */
export function oneOf<N extends number>(reply: unknown, ...known: readonly N[]): N {
  const number = wholeNumber(reply);
  const found = known.find((each) => each === number);
  if (found === undefined) throw oddAnswer(reply);
  return found;
}

export function textOf(reply: unknown): string {
  if (typeof reply === 'string') return reply;
  throw oddAnswer(reply);
}

export function listOf(reply: unknown, atLeast = 0): readonly unknown[] {
  if (Array.isArray(reply) && reply.length >= atLeast) return reply;
  throw oddAnswer(reply);
}
