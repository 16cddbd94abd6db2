import { createHash } from 'node:crypto';
import { compileLua, type CompiledScript } from '../lua/compile.js';
import { library } from '../lua/library.js';
import { LuaError, LuaTable, type LuaValue, toText } from '../lua/values.js';
import { Keyspace } from './keyspace.js';
import { CommandError, type Reply, Status } from './reply.js';
import { sortedSetCommands } from './sorted-sets.js';

const OK = new Status('OK');

interface Compiled {
  readonly sha: string;
  readonly run: CompiledScript;
}

const compiled = new Map<string, Compiled>();

function compile(text: string): Compiled {
  let script = compiled.get(text);
  if (!script) {
    script = { sha: createHash('sha1').update(text).digest('hex'), run: compileLua(text) };
    compiled.set(text, script);
  }
  return script;
}

export interface RedisModelOptions {
  /** The node's wall clock, Unix time in ms with fractions. */
  readonly wall: () => number;
  /** 40 hexadecimal digits. */
  readonly runId: string;
  /** How long it has been running, ms. */
  readonly uptime: number;
  readonly publish: (channel: string, message: string) => number;
}

/**
 * What one redis-server answers, as far as the driver asks: the real scripts run in it. A command that it does not
 * know is an error, as on a server. A spec runs the same commands on a real one.
 */
export class RedisModel {
  readonly keyspace: Keyspace;
  readonly #wall: () => number;
  readonly #publish: RedisModelOptions['publish'];
  readonly #scripts = new Map<string, CompiledScript>();
  #calls = new Map<string, number>();
  #runId: string;
  #startedAt: number;

  constructor({ wall, runId, uptime, publish }: RedisModelOptions) {
    this.#wall = wall;
    this.#publish = publish;
    this.#runId = runId;
    this.#startedAt = wall() - uptime;
    this.keyspace = new Keyspace(() => Math.floor(wall()));
  }

  /** The process ends and another one takes its place. */
  restart(runId: string, data: 'empty' | 'kept'): void {
    this.#runId = runId;
    this.#startedAt = this.#wall();
    this.#scripts.clear();
    this.#calls = new Map();
    if (data === 'empty') this.keyspace.clear();
  }

  execute([name = '', ...args]: readonly string[]): Reply {
    const command = this.#commands[name.toLowerCase()];
    if (!command) return new CommandError(`ERR unknown command '${name}'`);
    const reply = attempt(() => command(args));
    this.#calls.set(name.toLowerCase(), (this.#calls.get(name.toLowerCase()) ?? 0) + 1);
    return reply;
  }

  readonly #commands: Readonly<Record<string, (args: readonly string[]) => Reply>> = {
    ...sortedSetCommands(() => this.keyspace),
    ping: () => new Status('PONG'),
    get: ([key = '']) => {
      const value = this.keyspace.get(key) ?? null;
      if (typeof value === 'object' && value !== null)
        throw new CommandError('WRONGTYPE Operation against a key holding the wrong kind of value');
      return value;
    },
    exists: (keys) => keys.filter((key) => this.keyspace.get(key) !== undefined).length,
    pexpire: ([key = '', ttl]) => (this.keyspace.expire(key, wholeNumber(ttl)) ? 1 : 0),
    set: (args) => this.#set(args),
    del: (keys) => keys.filter((key) => this.keyspace.delete(key)).length,
    pttl: ([key = '']) => {
      const ttl = this.keyspace.ttl(key);
      return ttl === undefined ? -2 : ttl === Infinity ? -1 : ttl;
    },
    time: () => {
      const micros = Math.floor(this.#wall() * 1000);
      return [String(Math.floor(micros / 1e6)), String(micros % 1e6)];
    },
    publish: ([channel = '', message = '']) => this.#publish(channel, message),
    info: ([section = '']) => this.#info(section.toLowerCase()),
    flushall: () => {
      this.keyspace.clear();
      return OK;
    },
    script: ([what = '']) => {
      if (what.toLowerCase() !== 'flush') throw new CommandError(`ERR unknown subcommand '${what}'`);
      this.#scripts.clear();
      return OK;
    },
    eval: ([text = '', ...args]) => {
      const { sha, run } = compile(text);
      this.#scripts.set(sha, run);
      return this.#run(run, args);
    },
    evalsha: ([sha = '', ...args]) => {
      const run = this.#scripts.get(sha);
      if (!run) throw new CommandError('NOSCRIPT No matching script. Please use EVAL.');
      return this.#run(run, args);
    },
  };

  #set([key = '', value = '', ...options]: readonly string[]): Reply {
    let ttl = Infinity;
    let condition: string | undefined;
    for (let at = 0; at < options.length; at += 1) {
      const option = options[at]?.toLowerCase();
      if (option === 'px') ttl = wholeNumber(options[(at += 1)]);
      else if (option === 'nx' || option === 'xx') condition = option;
      else throw new CommandError('ERR syntax error');
    }
    if (ttl <= 0) throw new CommandError("ERR invalid expire time in 'set' command");
    const exists = this.keyspace.get(key) !== undefined;
    if ((condition === 'nx' && exists) || (condition === 'xx' && !exists)) return null;
    this.keyspace.set(key, value, ttl);
    return OK;
  }

  #info(section: string): string {
    const seconds = Math.floor(this.#wall() / 1000) - Math.floor(this.#startedAt / 1000);
    const sections: Record<string, string[]> = {
      server: ['redis_version:7.0.15', `run_id:${this.#runId}`, `uptime_in_seconds:${seconds}`],
      memory: ['maxmemory:0', 'maxmemory_policy:noeviction'],
      replication: ['role:master'],
      commandstats: [...this.#calls].map(([name, calls]) => `cmdstat_${name}:calls=${calls}`),
    };
    const wanted = section === '' ? ['server', 'memory', 'replication'] : [section];
    return wanted
      .map((each) => [`# ${each.charAt(0).toUpperCase()}${each.slice(1)}`, ...(sections[each] ?? []), ''])
      .flat()
      .join('\r\n');
  }

  #run(run: CompiledScript, [count = '', ...rest]: readonly string[]): Reply {
    const keys = wholeNumber(count);
    this.#globals['KEYS'] = LuaTable.ofArray(rest.slice(0, keys));
    this.#globals['ARGV'] = LuaTable.ofArray(rest.slice(keys));
    return toReply(run(this.#globals)[0]);
  }

  readonly #redis = LuaTable.ofObject({
    call: (...args) => {
      const reply = this.execute(args.map(toArgument));
      if (reply instanceof CommandError) throw reply;
      return [toLua(reply)];
    },
    pcall: (...args) => [toLua(this.execute(args.map(toArgument)))],
  });

  readonly #globals: Record<string, LuaValue> = { ...library, redis: this.#redis };
}

function attempt(command: () => Reply): Reply {
  try {
    return command();
  } catch (error) {
    if (error instanceof CommandError) return error;
    if (error instanceof LuaError) return new CommandError(`ERR ${error.message}`);
    throw error;
  }
}

function wholeNumber(text: string | undefined): number {
  const number = Number(text);
  if (!/^-?\d+$/.test(text ?? '') || !Number.isSafeInteger(number))
    throw new CommandError('ERR value is not an integer or out of range');
  return number;
}

/** A number becomes the shortest text that is exact; `%.17g` of what is no whole number is not needed. */
function toArgument(value: LuaValue): string {
  if (typeof value === 'number' && Number.isInteger(value)) return value.toFixed(0);
  if (typeof value === 'string') return value;
  throw new LuaError(`redis.call with the argument ${toText(value)}`);
}

function toLua(reply: Reply): LuaValue {
  if (reply === null) return false;
  if (reply instanceof Status) return LuaTable.ofObject({ ok: reply.text });
  if (reply instanceof CommandError) return LuaTable.ofObject({ err: reply.message });
  return Array.isArray(reply) ? LuaTable.ofArray(reply.map(toLua)) : (reply as number | string);
}

/** https://redis.io/docs/latest/develop/programmability/lua-api/#lua-to-resp2-type-conversion */
function toReply(value: LuaValue): Reply {
  if (typeof value === 'number') return Math.trunc(value);
  if (typeof value === 'string') return value;
  if (value === true) return 1;
  if (!(value instanceof LuaTable)) return null;
  const [ok, err] = [value.get('ok'), value.get('err')];
  if (typeof err === 'string') return new CommandError(err);
  return typeof ok === 'string' ? new Status(ok) : value.toArray().map(toReply);
}
