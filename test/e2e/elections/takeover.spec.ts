import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { startRedisNodes } from '../../support/redis-server.js';
import { THOROUGH } from '../../support/thorough.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { BACKENDS, cleanUp, ONE_OF_EACH_KIND, scratchDirectory } from '../replicas/backends.js';
import { judge } from './beliefs.js';
import { Candidate, now } from './candidate.js';

const TTL = 2000;
/** So long that nothing that waits for it can pass a test. */
const LONG_TTL = 60_000;
/** What a busy machine may add to a figure that is promised, ms. */
const SLACK = 5000;

const candidates: Candidate[] = [];
const proxies: TcpProxy[] = [];

afterEach(async () => {
  await Promise.all(candidates.splice(0).map((candidate) => candidate.process.kill()));
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
});
afterAll(cleanUp);

async function start(url: string, env: Record<string, string> = {}): Promise<Candidate> {
  const candidate = await Candidate.start(url, { COORDINATION_TTL: String(TTL), ...env });
  candidates.push(candidate);
  return candidate;
}

/** One that leads, with its term, and one that waits behind it. */
async function leaderAndFollower(
  [leads, follows]: readonly [url: string, url: string],
  env: Record<string, string> = {},
): Promise<{ leader: Candidate; first: Awaited<ReturnType<Candidate['elected']>>; follower: Candidate }> {
  for (;;) {
    const leader = await start(leads, env);
    const first = await leader.elected();
    const follower = await start(follows, env);
    if ((await leader.seen('demoted')) === 0) return { leader, first, follower };
    // A busy machine has kept it from its renewals for a ttl.
    await Promise.all([leader, follower].map((candidate) => candidate.process.kill()));
  }
}

const all = Object.entries(ONE_OF_EACH_KIND);
const redis = all.filter(([name]) => name.includes('Redis'));

describe('another replica leads', () => {
  it.each(all)('at once when the leader stops cleanly, on %s', async (_name, begin) => {
    const url = await begin();
    const env = { COORDINATION_TTL: String(LONG_TTL) };
    const leader = await start(url, env);
    const first = await leader.elected();
    const follower = await start(url, env);
    const stoppedAt = now();
    leader.process.send('stop');
    const { at, term } = await follower.elected();
    expect(at - stoppedAt).toBeLessThan(SLACK);
    expect(term).toBeGreaterThan(first.term);
    const demoted = await leader.demoted();
    expect([demoted.term, demoted.at < at]).toEqual([first.term, true]);
    await leader.process.exited;
    expect(await follower.seen('demoted')).toBe(0);
  });

  it.each(redis)('within the ttl when the leader is killed, on %s', async (_name, begin) => {
    const url = await begin();
    const { leader, follower } = await leaderAndFollower([url, url]);
    const killedAt = now();
    await leader.process.kill();
    const { at } = await follower.elected();
    expect(at - killedAt).toBeLessThan(TTL + SLACK);
    expect(await follower.seen('demoted')).toBe(0);
  });

  it('at once when the leader is killed, on files', async () => {
    const url = await BACKENDS['a file back end']!();
    const leader = await start(url);
    await leader.elected();
    const follower = await start(url);
    const killedAt = now();
    await leader.process.kill();
    expect((await follower.elected()).at - killedAt).toBeLessThan(SLACK);
  });

  it.each(redis)(
    'within the ttl when the leader is stopped, which is told once when it wakes, on %s',
    async (_name, begin) => {
      const url = await begin();
      const { leader, first, follower } = await leaderAndFollower([url, url]);
      leader.process.freeze();
      const stoppedAt = now();
      const second = await follower.elected();
      expect(second.at - stoppedAt).toBeLessThan(TTL + SLACK);
      expect(second.term).toBeGreaterThan(first.term);
      leader.process.thaw();
      expect((await leader.demoted()).term).toBe(first.term);
      // It campaigns again, behind the new leader.
      follower.process.send('stop');
      expect((await leader.elected()).term).toBeGreaterThan(second.term);
      expect([await leader.seen('demoted'), await follower.seen('elected')]).toEqual([0, 0]);
    },
  );

  it.each(THOROUGH ? [1, 3] : [3])(
    'within the ttl when the leader is cut off, which knows it before, on %i Redis node(s)',
    async (nodes) => {
      const servers = await startRedisNodes(nodes);
      const cut = await Promise.all(servers.map(({ port }) => TcpProxy.start(port)));
      proxies.push(...cut);
      const urlOf = (ports: readonly { readonly port: number }[]): string =>
        ports.map(({ port }) => `redis://127.0.0.1:${port}`).join(',');
      const beliefs = join(await scratchDirectory(), 'beliefs');
      const env = { COORDINATION_REDIS_NODE_LIST: 'takeover', BELIEFS: beliefs };
      const { leader, first, follower } = await leaderAndFollower([urlOf(cut), urlOf(servers)], env);
      for (const proxy of cut) proxy.set('both', { cut: 'hold' });
      const cutAt = now();
      const [demoted, second] = await Promise.all([leader.demoted(), follower.elected()]);
      expect(second.at - cutAt).toBeLessThan(TTL + SLACK);
      expect(demoted.term).toBe(first.term);
      // By what it believed, as a busy machine may tell it late of its demotion.
      const looks = (await readFile(beliefs, 'utf8')).split('\n').filter(Boolean);
      expect(judge(looks).faults).toEqual([]);
      for (const proxy of cut) proxy.heal();
      follower.process.send('stop');
      expect((await leader.elected()).term).toBeGreaterThan(second.term);
      expect(await leader.seen('demoted')).toBe(0);
    },
  );
});

it('a leader that is stopped keeps leading on files, where no lease ends by the clock', async () => {
  const url = await BACKENDS['a file back end']!();
  const leader = await start(url, { COORDINATION_TTL: '300' });
  await leader.elected();
  const follower = await start(url, { COORDINATION_TTL: '300' });
  leader.process.freeze();
  await expect(follower.elected(1500)).rejects.toThrow('no such message');
  leader.process.thaw();
  expect(await leader.seen('demoted')).toBe(0);
  await leader.process.kill();
  await follower.elected();
});

describe('a replica that comes back with its agentId, and finds what its last start has left,', () => {
  it.each(redis)('is elected once, when the ttl is over, on %s', async (_name, begin) => {
    const url = await begin();
    const ttl = 3 * TTL;
    const env = {
      COORDINATION_AGENT_ID: 'the-only-one',
      COORDINATION_HEARTBEAT: '100',
      COORDINATION_TTL: String(ttl),
    };
    const killed = await start(url, env);
    const first = await killed.elected();
    await killed.process.kill();
    const killedAt = now();
    const back = await start(url, env);
    const second = await back.elected();
    expect(second.term).toBeGreaterThan(first.term);
    expect(second.at - killedAt).toBeLessThan(ttl + SLACK);
    // Several looks at the record later nothing has come after that.
    const asked = await start(url, {
      ...env,
      COORDINATION_AGENT_ID: 'another',
      COORDINATION_CANDIDATE: 'false',
    });
    expect(await asked.seen('elected')).toBe(0);
    expect([await back.seen('elected'), await back.seen('demoted')]).toEqual([0, 0]);
  });
});
