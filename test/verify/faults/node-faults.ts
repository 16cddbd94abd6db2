import { catchHolder } from './aim.js';
import { now } from './judge-clock.js';
import type { Node, RedisNodes } from './redis-nodes.js';
import type { Action, Actions } from './scene.js';
import type { FaultKind } from './faults.js';

/** Clocks may differ in rate by 1 %; each of two nodes may take half of it. In parts per million. */
const MOST_PPM = 5000;

/** Room in memory for what a node already has, bytes, while it has to evict. */
const TIGHT = 4096;
const FILLERS = 40;

/** How long to wait for somebody to hold a lease, ms. */
const AIM = 1000;

type OnNode = (node: Node, step: Parameters<Action>[0], scene: Parameters<Action>[1]) => Promise<void>;

export function nodeFaults(stage: RedisNodes): Actions {
  /** Only one such fault at a time on a node. */
  const alone =
    (work: OnNode): Action =>
    async (step, scene) => {
      const node = stage.voting[step.node];
      if (!node || node.busy) return undefined;
      node.busy = true;
      try {
        await work(node, step, scene);
      } finally {
        node.busy = false;
      }
      return node.name;
    };

  const faults: Partial<Record<FaultKind, OnNode>> = {
    async 'kill node'({ server }, { lasts }, scene) {
      await server.kill();
      await scene.pause(lasts);
      await server.restart();
    },

    'restart node empty': ({ server }) => server.restart(),

    async 'empty node'({ admin }) {
      await admin.flushall();
    },

    async 'stop node'({ server }, { lasts }, scene) {
      server.pause();
      await scene.pause(lasts);
      server.resume();
    },

    async 'pause clients of node'({ admin }, { lasts, chance }, scene) {
      await admin.call('client', 'pause', String(lasts), chance < 0.5 ? 'WRITE' : 'ALL');
      await scene.pause(lasts);
    },

    async 'flush scripts of node'({ admin }) {
      await admin.call('script', 'flush');
    },

    async 'evict from node'({ admin }, { lasts }, scene) {
      const memory = /used_memory:(\d+)/.exec(await admin.info('memory'));
      await admin.config('SET', 'maxmemory-policy', 'volatile-ttl');
      await admin.config('SET', 'maxmemory', String(Number(memory?.[1]) + TIGHT));
      // Leases end sooner than these, so leases go first. It may refuse some, when nothing is left to evict.
      const fillers = Array.from({ length: FILLERS }, (_, index) =>
        admin.set(`filler-${index}`, 'x'.repeat(1024), 'PX', 5000).catch(() => undefined),
      );
      await Promise.all(fillers);
      await scene.pause(lasts);
      await admin.config('SET', 'maxmemory', '0');
      await admin.config('SET', 'maxmemory-policy', 'noeviction');
      const evicted = /evicted_keys:(\d+)/.exec(await admin.info('stats'))?.[1];
      await admin.config('RESETSTAT');
      scene.records.push({ type: 'state', at: now(), name: 'key evicted', count: Number(evicted ?? 0) });
    },

    async 'step clock of node'({ clock }, { clockStep, lasts }, scene) {
      clock?.set(clockStep);
      await scene.pause(lasts);
      clock?.set(0);
    },

    // It goes on at its own rate until the run is over: to set it right would be a step.
    async 'clock of node runs fast or slow'({ clock }, { chance, lasts }, scene) {
      clock?.run(Math.round((2 * chance - 1) * MOST_PPM));
      await scene.pause(lasts);
      clock?.run(0);
    },
  };
  /**
   * A lease is granted without the first node, the second one forgets it, and only these two are left to ask: what the
   * third one knows is all that there is, and nobody can hear it.
   */
  const forgetInTurns: Action = async (step, scene) => {
    const [first, second, third] = [0, 1, 2].map((turn) => stage.voting[(step.node + turn) % stage.nodes]);
    const nodes = [first, second, third];
    if (!first || !second || !third || new Set(nodes).size < 3 || nodes.some((node) => node?.busy))
      return undefined;
    const claim = (busy: boolean): void => nodes.forEach((node) => node && (node.busy = busy));
    claim(true);
    try {
      first.server.pause();
      await scene.pause(step.lasts);
      // Its command time-out has passed by now for everybody, so this one has its lease from the other two.
      const caught = await catchHolder(scene, ({ write }) => !write, AIM);
      first.server.resume();
      if (step.chance < 0.5) await second.admin.flushall();
      else await second.server.restart();
      await scene.pause(step.lasts);
      caught?.answer();
      third.server.pause();
      // One that has never seen a token before.
      const leaving = scene.crew.target(step.worker);
      if (leaving) await scene.crew.replace(leaving);
      await scene.pause(stage.maxTtl + step.lasts);
      third.server.resume();
    } finally {
      claim(false);
    }
    return nodes.map((node) => node?.name).join(', ');
  };

  const single = Object.fromEntries(Object.entries(faults).map(([kind, work]) => [kind, alone(work)]));
  return { ...single, 'nodes forget in turns': forgetInTurns };
}
