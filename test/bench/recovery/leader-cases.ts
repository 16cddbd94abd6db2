import { fork } from 'node:child_process';
import { Candidate, now } from '../../e2e/elections/candidate.js';
import { FixtureProcess } from '../../support/processes.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import type { RecoveryCase } from './case.js';
import { withDirectory, withNodes } from './parts.js';

/** The argument with which this program is a candidate. */
export const CANDIDATE = '--candidate';

/** How a leader is lost. */
const LOSSES: Readonly<Record<string, (leader: Candidate, link: readonly TcpProxy[]) => void>> = {
  'clean stop of the leader': (leader) => leader.process.send('stop'),
  'kill -9 of the leader': (leader) => void leader.process.kill(),
  'SIGSTOP of the leader': (leader) => leader.process.freeze(),
  'the leader is cut off': (_leader, link) => {
    for (const proxy of link) proxy.set('both', { cut: 'hold' });
  },
};

type Loss = (typeof LOSSES)[string];

/** A follower campaigns in another process, and its leader is lost. */
async function untilLed(
  urls: readonly [ofLeader: string, ofFollower: string],
  link: readonly TcpProxy[],
  lose: Loss,
  ttl: number,
): Promise<number> {
  const candidates: Candidate[] = [];
  const start = async (url: string): Promise<Candidate> => {
    const env = { COORDINATION_TTL: String(ttl), COORDINATION_REDIS_NODE_LIST: 'recovery' };
    const child = fork(process.argv[1]!, [CANDIDATE], {
      env: { ...process.env, ...Candidate.env(url, env) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    const candidate = await Candidate.in(new FixtureProcess(child));
    candidates.push(candidate);
    return candidate;
  };
  try {
    const leader = await start(urls[0]);
    await leader.elected();
    const follower = await start(urls[1]);
    const lostAt = now();
    lose(leader, link);
    return (await follower.elected()).at - lostAt;
  } finally {
    await Promise.all(candidates.map((candidate) => candidate.process.kill()));
  }
}

function onFiles(what: string, lose: Loss): RecoveryCase {
  return {
    on: 'files',
    what,
    measure: (ttl) => withDirectory((url) => untilLed([url, url], [], lose, ttl)),
  };
}

function onRedis(nodes: number, what: string, lose: Loss): RecoveryCase {
  return {
    on: nodes === 1 ? 'one Redis node' : `${nodes} Redis nodes`,
    what,
    measure: (ttl) =>
      withNodes(nodes, 'lost', async ({ servers, url }) => {
        const link = await Promise.all(servers.map(({ port }) => TcpProxy.start(port)));
        try {
          const linked = link.map(({ port }) => `redis://127.0.0.1:${port}`).join(',');
          return await untilLed([linked, url], link, lose, ttl);
        } finally {
          await Promise.all(link.map((proxy) => proxy.stop()));
        }
      }),
  };
}

export const leaderCases: readonly RecoveryCase[] = [
  // A stopped leader keeps its lock on files, where nobody is cut off either.
  ...['clean stop of the leader', 'kill -9 of the leader'].map((what) => onFiles(what, LOSSES[what]!)),
  ...[1, 3].flatMap((nodes) => Object.entries(LOSSES).map(([what, lose]) => onRedis(nodes, what, lose))),
];
