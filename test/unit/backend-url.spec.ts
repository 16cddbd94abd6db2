import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type BackendUrl, takeApart } from '../../lib/drivers/backend-url.js';
import { BACKENDS, chooseBackend } from '../../lib/drivers/driver.registry.js';
import { directoryOf } from '../../lib/drivers/file/file.backend.js';
import { spaceOf } from '../../lib/drivers/memory/memory.backend.js';
import { nodeOptionsOf, type RedisNodeOptions } from '../../lib/drivers/redis/options/node-options.js';
import { parseRedisUrls, type RedisNodeUrl } from '../../lib/drivers/redis/options/redis-url.js';
import { recordingContext } from '../support/driver-suite.js';

/** Options of the coordinator that a query may carry. */
const GENERAL = ['ttl', 'prefix', 'blocking'];

const SCHEMES = { all: BACKENDS.flatMap(({ schemes }) => schemes), bare: ['memory', 'file'] };

/** The first URL, taken apart. */
function partsOf(text: string): BackendUrl {
  const [url] = takeApart(text, SCHEMES);
  if (!url) throw new Error('it has no URL');
  return url;
}

function redis(input: string | readonly string[]): {
  nodes: readonly RedisNodeUrl[];
  nodeOptions: RedisNodeOptions;
} {
  const urls = takeApart(input, SCHEMES);
  const query = new Map(urls.flatMap((url) => [...new URLSearchParams(url.query)]));
  return { nodes: parseRedisUrls(urls), nodeOptions: nodeOptionsOf(query) };
}

/** All that is read before a driver is loaded. */
function read(input: string | readonly string[]): void {
  chooseBackend(input, {}, GENERAL).open();
}

describe('a back-end URL', () => {
  it.each([
    ['memory:', ''],
    ['memory://', ''],
    ['memory://tests', 'tests'],
  ])('%s names a space in memory', (text, space) => {
    expect([partsOf(text).scheme, spaceOf(partsOf(text).rest)]).toEqual(['memory', space]);
  });

  it.each([
    ['file:', undefined],
    ['file://', undefined],
    ['file:///var/lib/app', '/var/lib/app'],
    ['file:/var/lib/app', '/var/lib/app'],
    ['file:///with%20space', '/with space'],
  ])('%s names a directory', (text, directory) => {
    expect([partsOf(text).scheme, directoryOf(partsOf(text).rest)]).toEqual(['file', directory]);
  });

  it('names one node per host', () => {
    expect(redis('redis://h1:7000,h2,H3:6381/2').nodes).toEqual([
      { topology: 'single', tls: false, host: 'h1', port: 7000, db: 2 },
      { topology: 'single', tls: false, host: 'h2', port: 6379, db: 2 },
      { topology: 'single', tls: false, host: 'h3', port: 6381, db: 2 },
    ]);
  });

  it('reads IPv6 addresses', () => {
    expect(redis('redis://[::1]:7000').nodes[0]).toMatchObject({ host: '::1', port: 7000 });
    expect(redis('redis://[2001:db8::1]').nodes[0]).toMatchObject({ host: '2001:db8::1', port: 6379 });
  });

  it('reads percent-encoded user and password', () => {
    const [node] = redis('rediss://us%40er:p%2Fw%3A%2C%23@h').nodes;
    expect(node).toMatchObject({ tls: true, username: 'us@er' });
    expect(node?.password?.reveal()).toBe('p/w:,#');
  });

  it('reads a password without a user, and a user without a password', () => {
    const [first] = redis('redis://:secret@h').nodes;
    expect(first?.username).toBeUndefined();
    expect(first?.password?.reveal()).toBe('secret');
    expect(redis('redis://user@h').nodes[0]).toMatchObject({ username: 'user' });
  });

  it('reads Sentinel with the name of the master', () => {
    expect(redis('rediss+sentinel://s1,s2:26380/my%20master/3').nodes).toEqual([
      {
        topology: 'sentinel',
        tls: true,
        sentinels: [
          { host: 's1', port: 26379 },
          { host: 's2', port: 26380 },
        ],
        masterName: 'my master',
        db: 3,
      },
    ]);
  });

  it('reads Cluster as one node', () => {
    expect(redis('redis+cluster://h1:7000,h2:7001').nodes).toEqual([
      {
        topology: 'cluster',
        tls: false,
        seeds: [
          { host: 'h1', port: 7000 },
          { host: 'h2', port: 7001 },
        ],
      },
    ]);
  });

  it.each([
    [['redis://h1', 'rediss://h2', 'redis+cluster://h3']],
    ['redis://h1,rediss://h2,redis+cluster://h3'],
    [' redis://h1 , rediss://h2 , redis+cluster://h3 '],
  ])('joins the nodes of a list: %j', (list) => {
    expect(redis(list).nodes.map(({ topology }) => topology)).toEqual(['single', 'single', 'cluster']);
  });

  it.each([
    ['valkey://h', { topology: 'single', tls: false }],
    ['valkeys://h', { topology: 'single', tls: true }],
    ['valkey+sentinel://h/main', { topology: 'sentinel', tls: false }],
    ['valkeys+sentinel://h/main', { topology: 'sentinel', tls: true }],
    ['valkey+cluster://h', { topology: 'cluster', tls: false }],
    ['valkeys+cluster://h', { topology: 'cluster', tls: true }],
  ])('reads %s as that of a Redis', (text, node) => {
    expect(redis(text).nodes).toEqual([expect.objectContaining(node)]);
    expect(redis(text.replace('valkey', 'redis')).nodes).toEqual(redis(text).nodes);
  });

  it('splits the query into options of the coordinator, of the back end and of the nodes', () => {
    const url =
      'redis://h?ttl=5000&prefix=app-&maxTtl=1m&persistent=true&commandTimeout=200ms&family=6&connectionName=me&sentinelPassword=s3cret';
    const { kind, query, options } = chooseBackend(url, { redis: { persistent: false } }, GENERAL);
    expect(kind.name).toBe('redis');
    expect(query).toEqual({ ttl: '5000', prefix: 'app-' });
    expect(options).toEqual({ maxTtl: '1m', persistent: false });
    const { nodeOptions } = redis(url);
    expect(nodeOptions).toMatchObject({ commandTimeout: 200, family: 6, connectionName: 'me' });
    expect(nodeOptions.sentinelPassword?.reveal()).toBe('s3cret');
    expect(chooseBackend('memory:?blocking=false', {}, GENERAL).query).toEqual({ blocking: 'false' });
  });

  it.each([
    ['', /is empty/],
    ['   ', /is empty/],
    [[], /is empty/],
    ['nonsense', /is not a URL; begin with a scheme.*redis:/],
    ['http://h', /unknown scheme "http:".*file:, memory:, redis:/],
    ['redis:', /a host is missing/],
    ['redis://', /a host is missing/],
    ['redis://:6379', /a host is missing/],
    ['redis://h1,,h2', /a host is missing/],
    ['redis://h:0', /port of host "h" has to be a number from 1 to 65535/],
    ['redis://h:65536', /1 to 65535/],
    ['redis://h:6379a', /1 to 65535/],
    ['redis://h:', /1 to 65535/],
    ['redis://::1', /\[::1\]:port for IPv6/],
    ['redis://h/one', /database "one" has to be a number/],
    ['redis://h/-1', /database "-1"/],
    ['redis://h#x', /"#".*%23/],
    ['redis://:p@h1,:p@h2', /"@" or "," in user or password.*once, before the first host/],
    ['redis://:p@q@h', /"@" or "," in user or password.*percent-encode/],
    ['redis://:p,q@h', /"@" or "," in user or password.*percent-encode/],
    ['redis+cluster://h/1', /only database 0/],
    ['redis+sentinel://h', /master's name is missing/],
    ['redis+sentinel://h/main/0/x', /master's name/],
    ['redis://h1,h2', /2 nodes: an even number adds no safety; list 1, 3 or 5/],
    [['redis://h1', 'redis://h2', 'redis://h3', 'redis://h4'], /4 nodes: an even number/],
    ['redis://h1,h2,H1:6379', /node h1:6379 is listed twice/],
    ['redis://h1/1,redis://h1/2,redis://h3', /h1:6379 is listed twice/],
    ['redis://h?timeout=1', /unknown option "timeout".*ttl.*commandTimeout/],
    ['redis://h?ttl=1&ttl=2', /ttl more than once/],
    ['redis://h1?ttl=1,redis://h2?ttl=2,redis://h3', /ttl more than once/],
    ['redis://h?commandTimeout=0', /commandTimeout has to be a whole number of milliseconds/],
    ['redis://h?connectTimeout=soon', /connectTimeout has to be a whole number.*or text such as 200ms/],
    ['redis://h?family=5', /family has to be 0, 4 or 6/],
    ['memory:?commandTimeout=1', /unknown option "commandTimeout"/],
    ['memory:?maxTtl=60000', /unknown option "maxTtl"/],
    ['redis://h?lockKey=a', /unknown option "lockKey"/],
    ['memory://a/b', /name of a memory: back end/],
    ['file:relative', /absolute path/],
    ['file://./relative', /absolute path/],
    ['file://host/dir', /absolute path/],
    [['file:///a', 'file:///b'], /list of URLs is for the nodes of one back end; give one file: URL/],
    [['redis://h1', 'memory:', 'redis://h2'], /nodes of one back end, and this one has redis and memory/],
  ])('%j is refused with one line that says what to do', (text, message) => {
    let thrown: unknown;
    try {
      read(text);
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof Error)) throw new Error('it was accepted');
    expect(thrown.message).toMatch(message);
    expect(thrown.message).not.toContain('\n');
  });
});

describe('the password of a back-end URL', () => {
  const url = redis('redis://user:hunter2@h1,h2,h3?sentinelPassword=hunter2');

  it('is not shown by inspect, JSON or a string', () => {
    const shown = [inspect(url, { depth: 10, showHidden: true }), JSON.stringify(url)];
    shown.push(String(url.nodes[0]?.password));
    for (const text of shown) expect(text).not.toContain('hunter2');
    expect(JSON.stringify(url)).toContain('[secret]');
  });

  it.each([
    'redis://user:hun/hunter2@h',
    'redis://user:hun?hunter2@h',
    'redis://user:hun#hunter2@h',
    'redis://user:hunter2%@h',
    'redis://user:hunter2%zz@h',
    'redis://user:hunter2@h:bad',
    'redis://user:hunter2@h1,h2',
    'redis://user:hunter2@h?unknown=1',
    'redis+sentinel://user:hunter2@h',
    'redis+cluster://user:hunter2@h/1',
    'hunter2:hunter2@h:6379',
    'http://user:hunter2@h',
    'redis:user:hunter2@h',
    'redis://h?sentinelPassword=hunter2&sentinelPassword=hunter2',
    'redis://h?family=hunter2',
    'redis://user:hunter2@:6379',
    'redis://user:hunter2@a b',
  ])('is not in the error that refuses %s', (text) => {
    let thrown: unknown;
    try {
      read(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Error);
    expect(inspect(thrown, { depth: 10 }).split('\n    at ')[0]).not.toContain('hunter2');
  });
});

describe('the description of a back-end URL', () => {
  it.each([
    ['memory:', 'memory'],
    ['memory://tests', 'memory tests'],
    ['file:///var/lib/app', 'file /var/lib/app'],
    ['redis://u:p@10.0.0.1', 'redis 10.0.0.1:6379'],
    ['redis://u:p@h1,h2,[::1]:7000', 'redis 3 nodes: h1:6379, h2:6379, [::1]:7000'],
    ['redis+sentinel://u:p@s1,s2/main', 'redis sentinel main (s1:26379, s2:26379)'],
    ['redis+cluster://u:p@h1,h2', 'redis cluster (h1:6379, h2:6379)'],
  ])('of %s is %s', async (text, description) => {
    const create = chooseBackend(text, {}, GENERAL).open();
    const driver = await create({ ...recordingContext(), ttl: 1000, prefix: '' });
    expect(driver.description).toBe(description);
  });
});
