import { setTimeout as after } from 'node:timers/promises';
import type { Member } from '../crew/member.js';
import { lockKind, type Place } from '../locks/index.js';
import type { Contender, Figures, Scenario } from '../scenario.js';
import { Traffic } from '../traffic.js';
import { onNodes } from './words.js';

const NOTHING = `${lockKind('ours').name} that holds nothing`;
const WAITERS = 1000;
/** Renewals to look at. */
const BEATS = { full: 3, short: 1 };
/** Between two renewals, ms, when there is no time for the default. */
const SHORT_BEAT = 800;

/** What one process pays for very many leases that it holds, and for waiters. */
export function heldLeases(nodes: number): Scenario {
  return {
    id: `leases-${nodes}`,
    title: `one process that holds 10 000 leases, ${onNodes(nodes)}`,
    size: 10_000,
    sizeUnit: 'leases',
    rounds: 1,
    warmUps: 0,
    short: { size: 500, rounds: 1, warmUps: 0 },
    measures: [
      { key: 'commands', label: 'commands per node and beat', unit: '', better: 'lower' },
      { key: 'delay', label: 'event loop, p99', unit: 'ms', better: 'lower' },
      { key: 'lease', label: 'heap per lease', unit: 'bytes', better: 'lower' },
      { key: 'waiter', label: `heap per waiter, of ${WAITERS}`, unit: 'bytes', better: 'lower' },
    ],
    comparisons: [{ measure: 'delay', against: NOTHING, by: 'difference' }],
    prepare: async (bench) => {
      const terms = bench.short ? 'short' : 'full';
      const place = { ...(await bench.redis(nodes)), ...(bench.short && { heartbeat: SHORT_BEAT }) };
      const traffic = await Traffic.on(place.nodes);
      const burden = (kind: string, name: string, share: number): Contender => ({
        name,
        limit: 180_000,
        measure: async (size) => {
          // A process whose heap has nothing else in it.
          if (!bench.short) await bench.crew.end();
          await bench.crew.assemble(1, { kinds: [kind], place });
          const [member] = await bench.crew.members(1);
          return carry(member as Member, kind, place, traffic, share * size, BEATS[terms]);
        },
      });
      return {
        contenders: [
          ...(bench.short ? [] : [burden('ours', NOTHING, 0)]),
          ...bench.taking('ours', 'redis-semaphore').map((kind) => burden(kind, lockKind(kind).name, 1)),
        ],
        close: () => Promise.resolve(traffic.close()),
      };
    },
  };
}

async function carry(
  member: Member,
  kind: string,
  place: Place,
  traffic: Traffic,
  leases: number,
  beats: number,
): Promise<Figures> {
  const beat = lockKind(kind).beatOf?.(place) ?? place.ttl;
  const lease = leases > 0 ? await member.ask('keep', kind, leases) : undefined;
  const origins = await traffic.learn(() => after(beat));
  const { result, sent } = await traffic.during(origins, () => member.ask('loopDelay', beats * beat));
  const figures = { commands: sent / beats / place.nodes.length, delay: result };
  if (lease === undefined) return figures;
  return { ...figures, lease, waiter: await member.ask('queueUp', kind, 'held-0', WAITERS) };
}
