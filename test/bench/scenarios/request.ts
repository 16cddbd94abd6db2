import { Member } from '../crew/member.js';
import { pinToServerCore } from '../pin.js';
import type { Bench } from '../bench.js';
import { lockKind, type Place } from '../locks/index.js';
import { Load } from '../requests/load.js';
import { type AppTerms, type Platform, type Protection, routeOf } from '../requests/terms.js';
import type { Contender, Scenario } from '../scenario.js';

const NO_MODULE = 'plain handler, no module';
const PLAIN = 'plain handler, with the module';
const byHand = (lock: string): string => `${lockKind(lock).name}, called by the handler`;
const REDLOCK = byHand('redlock');

const PLATFORM: Readonly<Record<Platform, string>> = { express: 'Express', fastify: 'Fastify' };

/**
 * What a request costs the process that serves it. Its client is another process, and each contender a process of its own:
 * an async context that one of them uses would have Node follow every promise of the others.
 */
export function requests(platform: Platform): Scenario {
  return {
    id: `request-${platform}`,
    title: `CPU time of the server for a GET request, ${PLATFORM[platform]}`,
    size: 500,
    sizeUnit: 'requests',
    rounds: 15,
    warmUps: 8,
    short: { size: 40, rounds: 2, warmUps: 1 },
    measures: [{ key: 'cpu', label: 'mean', unit: 'µs', better: 'lower' }],
    comparisons: [
      { measure: 'cpu', against: PLAIN, by: 'difference' },
      { measure: 'cpu', against: NO_MODULE, by: 'ratio' },
      { measure: 'cpu', against: REDLOCK, by: 'ratio' },
    ],
    prepare: async (bench) => {
      const servers: AppServer[] = [];
      const contender = (name: string, protection: Protection, place: Place): Contender => {
        let server: Promise<AppServer> | undefined;
        return {
          name,
          measure: async (size) => {
            server ??= AppServer.start(bench, { platform, protection, place });
            const ready = await server;
            if (!servers.includes(ready)) servers.push(ready);
            return { cpu: await ready.cpuOf(size) };
          },
        };
      };
      const memory = bench.memory();
      const redis = await bench.redis(1);
      return {
        contenders: [
          contender(NO_MODULE, { kind: 'nothing' }, memory),
          contender('plain handler, no module, an idle interceptor', { kind: 'interceptor' }, memory),
          contender(PLAIN, { kind: 'module' }, memory),
          contender('@Synchronized, memory', { kind: 'decorator' }, memory),
          contender('@Synchronized, file', { kind: 'decorator' }, await bench.files()),
          contender('@Synchronized, 1 Redis node', { kind: 'decorator' }, redis),
          ...bench
            .taking('redlock', 'redis-semaphore', 'murlock')
            .map((lock) => contender(byHand(lock), { kind: 'by hand', lock }, redis)),
        ],
        close: () => Promise.all(servers.map((server) => server.close())),
      };
    },
  };
}

/** A process that serves one application, and the clients that ask it. */
class AppServer {
  private constructor(
    private readonly member: Member,
    private readonly load: Load,
  ) {}

  static async start(bench: Bench, terms: AppTerms): Promise<AppServer> {
    const member = await Member.start();
    if (!bench.short) pinToServerCore([member.process.pid]);
    const port = await member.ask('listen', terms);
    return new AppServer(member, new Load(port, routeOf(terms.protection)));
  }

  /** µs of one request, by all threads of the server, its share of garbage collection among them. */
  async cpuOf(requests: number): Promise<number> {
    const before = await this.member.ask('usage');
    await this.load.send(requests);
    const after = await this.member.ask('usage');
    return (1000 * (after.cpu - before.cpu)) / requests;
  }

  async close(): Promise<void> {
    this.load.close();
    await this.member.end();
  }
}
