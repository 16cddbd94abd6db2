import { afterEach, describe, expect, it } from 'vitest';
import { InvalidOptionsError, LockCreationFailedError, LockNameError } from '../../lib/errors.js';
import { registerRunning } from '../../lib/lock/lock-registry.js';
import { Lock } from '../../lib/lock/lock.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';
import { lockBench } from '../support/lock-bench.js';

describe('new Lock', () => {
  const unregister: (() => void)[] = [];

  afterEach(() => {
    for (const take of unregister.splice(0)) take();
  });

  it('fills its name from data', () => {
    const { made } = lockBench();
    const lock = new Lock('share-<share.id>-{share.tags[0]}', { share: { id: 7, tags: ['a'] } }, made);
    expect(lock.name).toBe('share-7-a');
  });

  it.each([undefined, {}, { share: {} }, { share: { id: undefined } }, { share: { id: '' } }])(
    'refuses a name whose value is missing in %j',
    (data) => {
      const { made } = lockBench();
      expect(() => new Lock('x-<share.id>', data, made)).toThrow(LockNameError);
      expect(() => new Lock('x-<share.id>', data, made)).toThrow(
        /^Lock name 'x-<share.id>' of new Lock: [^\n]+$/,
      );
    },
  );

  it('takes no value that every object has', () => {
    const { made } = lockBench();
    for (const field of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      expect(() => new Lock(`x-<${field}>`, {}, made)).toThrow(LockNameError);
    }
  });

  it('puts the prefix in front of what the back end sees, not of its name', async () => {
    const made = new LockManagerBench({ prefix: 'app:' });
    const lock = new Lock('a', {}, made);
    await lock.acquire();
    expect([lock.name, lock.lease?.name, [...made.driver.holders.keys()]]).toEqual(['a', 'a', ['app:a']]);
    expect(await lock.break()).toBe(true);
  });

  it('uses the one coordinator that runs', async () => {
    const { made } = lockBench();
    unregister.push(registerRunning(made));
    expect(await new Lock('a').acquire()).toBe(true);
    expect([...made.driver.holders.keys()]).toEqual(['a']);
  });

  it('says that none runs, and what to do', () => {
    expect(() => new Lock('a')).toThrow(LockCreationFailedError);
    expect(() => new Lock('a')).toThrow(/^Lock "a": no coordinator is started in this process; [^\n]+$/);
  });

  it('asks for one when several run', () => {
    unregister.push(
      registerRunning(new LockManagerBench()),
      registerRunning(new LockManagerBench(), 'reports'),
    );
    expect(() => new Lock('a')).toThrow(LockCreationFailedError);
    expect(() => new Lock('a')).toThrow(/^Lock "a": 2 coordinators run in this process \([^\n]+; say which/);
  });

  it('refuses wrong options', () => {
    const { made } = lockBench();
    expect(() => new Lock('a', {}, made, { ttl: Number.NaN })).toThrow(InvalidOptionsError);
  });
});
