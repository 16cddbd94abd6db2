import { type Command, Redis, type RedisOptions } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { callScript, Script, ScriptKeys } from '../../lib/drivers/redis/scripts/script.js';

/** Keeps what it would send. */
class Recorder extends Redis {
  readonly sent: Command[] = [];

  constructor(options: Pick<RedisOptions, 'keyPrefix' | 'enableAutoPipelining'> = {}) {
    super({ ...options, lazyConnect: true });
  }

  override sendCommand(command: Command): Promise<unknown> {
    this.sent.push(command);
    return Promise.resolve(1);
  }

  get text(): string {
    return String(this.sent.at(-1)?.toWritable(this.stream));
  }
}

const script = new Script('return 1');
const keys = new ScriptKeys(['a', '{schlüssel}:€', '']);
const args = ['id', '', '10000', 'naïve 𝄞'];

describe('a script call', () => {
  it('is sent as ioredis would send it, with text of any kind and length', async () => {
    const client = new Recorder();
    await client.evalsha(script.sha, keys.names.length, ...keys.names, ...args);
    const wanted = client.text;
    await callScript(client, script, keys, args);
    expect(client.sent).toHaveLength(2);
    expect(client.text).toBe(wanted);
  });

  it('shows its arguments and keys to those who look at commands', async () => {
    const client = new Recorder();
    await callScript(client, script, keys, args);
    expect(client.sent[0]?.args).toEqual([script.sha, '3', ...keys.names, ...args]);
    expect(client.sent[0]?.getKeys()).toEqual(keys.names);
  });

  it('is left to a client that puts something before keys', async () => {
    const client = new Recorder({ keyPrefix: 'mine:' });
    await callScript(client, script, keys, args);
    expect(client.sent[0]?.args).toContain('mine:a');
    expect(client.text).toContain('mine:a');
  });

  it('is left to a client that gathers commands', async () => {
    const client = new Recorder({ enableAutoPipelining: true });
    const calls: unknown[] = [];
    client.evalsha = (...all: unknown[]) => (calls.push(all), Promise.resolve(1));
    await callScript(client, script, keys, args);
    expect(calls).toHaveLength(1);
    expect(client.sent).toEqual([]);
  });
});
