import { beforeEach, describe, expect, it } from 'vitest';
import { NodeTrust, UNKNOWN_EPOCH } from '../../lib/drivers/redis/node/node-trust.js';
import { FakeClock } from '../support/fake-clock.js';

const NOW = 1_600_000_000_000;

describe('what is known of a node', () => {
  let longest: number;
  let trust: NodeTrust;
  /** The longest leases that the node was told of, ms. */
  let told: number[];
  /** Called while the node answers. */
  let meanwhile: () => void;

  const run = async (...[, , , args]: [string, string, readonly string[], readonly string[]]) => {
    const known = Number(args[1]);
    told.push(known);
    await Promise.resolve();
    meanwhile();
    return [1, NOW * 1000, `run 1 ${NOW - 1_000_000} ${known} 0 ${NOW}`];
  };
  const sync = (): Promise<void> => new Promise((resolve, reject) => trust.sync(run, resolve, reject));

  beforeEach(() => {
    longest = 10_000;
    told = [];
    meanwhile = () => undefined;
    trust = new NodeTrust({
      name: 'node',
      clock: new FakeClock(),
      list: '1',
      scope: '',
      longestTtl: () => longest,
      ownTtl: 10_000,
      persistent: false,
      quarantine: true,
      commandTimeout: 1000,
      secrets: [],
      topology: 'single',
      ttl: 10_000,
      warn: () => undefined,
    });
    trust.tellList();
  });

  it('is forgotten when a command is refused that named it, and stays when an older one is', async () => {
    await sync();
    const { epoch } = trust;
    longest = 20_000;
    expect(trust.epoch).toBe(UNKNOWN_EPOCH);
    await sync();
    expect(trust.refused(UNKNOWN_EPOCH)).toBe(false);
    expect(trust.refused(epoch)).toBe(true);
    expect(trust.admission).toBeUndefined();
    expect(trust.refused(trust.epoch)).toBe(true);
    expect(trust.admission).toBe('sync');
  });

  it('has the longest lease in it that was asked for by the end of a sync', async () => {
    meanwhile = () => (longest = Math.min(12_000, longest + 1000));
    await sync();
    expect(trust.admission).toBeUndefined();
    expect(told).toEqual([10_000, 11_000, 12_000]);
  });
});
