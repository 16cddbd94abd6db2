import { describe, expect, it } from 'vitest';
import { NodeError } from '../../lib/drivers/redis/errors/node-error.js';
import { slotRanges } from '../../lib/drivers/redis/node/cluster-map.js';
import { redirectionOf } from '../../lib/drivers/redis/node/cluster-redirect.js';

const ASKED = { host: '10.0.0.1', port: 7000 };

describe.each(['ASK', 'MOVED'])('%s', (kind) => {
  const addressOf = (told: string) => redirectionOf(new NodeError(`${kind} 14604 ${told}`), ASKED)?.address;

  it.each([
    ['redis-3.example:7002', { host: 'redis-3.example', port: 7002 }],
    ['::1:7002', { host: '::1', port: 7002 }],
    // cluster-preferred-endpoint-type unknown-endpoint
    [':7002', { host: '10.0.0.1', port: 7002 }],
    // cluster-preferred-endpoint-type hostname, and a server without one
    ['?:7002', { host: '10.0.0.1', port: 7002 }],
  ])('%s leads to %j', (told, address) => {
    expect(addressOf(told)).toEqual(address);
  });
});

describe('MOVED to a server without a hostname, where all are known', () => {
  const error = new NodeError('MOVED 14604 ?:7002');
  const named = { host: 'redis-2.example', port: 7002 };
  const elsewhere = { host: '10.0.0.9', port: 7009 };

  it('leads to the one that is known by its address', () => {
    const known = [ASKED, named, elsewhere, { host: '10.0.0.3', port: 7002 }];
    expect(redirectionOf(error, ASKED, known)?.address).toEqual({ host: '10.0.0.3', port: 7002 });
  });

  it('leads to the only other one, where all use one port', () => {
    const asked = { host: '10.0.0.1', port: 7002 };
    const known = [asked, named, { host: '10.0.0.3', port: 7002 }];
    expect(redirectionOf(error, asked, known)?.address).toEqual({ host: '10.0.0.3', port: 7002 });
  });

  it('leads to the host that was asked, where it may be one of several', () => {
    const known = ['10.0.0.3', '10.0.0.4'].map((host) => ({ host, port: 7002 }));
    expect(redirectionOf(error, ASKED, known)?.address).toEqual({ host: '10.0.0.1', port: 7002 });
  });
});

describe('a server in CLUSTER SLOTS', () => {
  it.each([
    [['redis-3.example', 7002, 'id', ['ip', '10.0.0.3']], 'redis-3.example'],
    // As Redis 6 tells it.
    [['10.0.0.3', 7002, 'id'], '10.0.0.3'],
    // The client is to stay with the host that it has asked, whatever the server takes for its address.
    [[null, 7002, 'id', ['ip', '172.17.0.3']], ASKED.host],
    [['', 7002, 'id', []], ASKED.host],
    [['?', 7002, 'id', ['ip', '10.0.0.3']], '10.0.0.3'],
    [['?', 7002, 'id', ['shard', 'a', 'ip', '10.0.0.3']], '10.0.0.3'],
    [['?', 7002, 'id', ['ip', '']], ASKED.host],
    [['?', 7002, 'id'], ASKED.host],
  ])('%j is at %s', (server, host) => {
    const [range] = slotRanges([[0, 16_383, server]], ASKED);
    expect(range?.master).toEqual({ host, port: 7002 });
  });
});
