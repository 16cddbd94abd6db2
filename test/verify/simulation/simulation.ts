import {
  ACQUIRE,
  BREAK,
  COMPLETE,
  CONFIRM,
  CONFIRM_SHARE,
  END_SHARE,
  SYNC,
  JOIN,
  REFRESH,
  RELEASE,
  RELEASE_SHARE,
  RENEW,
  RENEW_SHARES,
  SHARE,
} from '../../../lib/drivers/redis/scripts/index.js';
import { processOf } from '../../../lib/drivers/redis/scripts/holder-id.js';
import type { HeldLease } from '../../../lib/lock/lease/held-lease.js';
import type { WhatHappened } from './assumptions.js';
import { Candidate } from './candidate.js';
import { Faults } from './faults.js';
import { JobRunner } from './job-runner.js';
import { Journal } from './journal.js';
import type { LocalTime } from './local-time.js';
import { Member } from './member.js';
import { Mover } from './mover.js';
import { Link } from './network.js';
import { QueueWatch, type Said } from './queue-watch.js';
import type { Random } from './random.js';
import type { Reply } from './redis/reply.js';
import { SimulatedNode } from './redis/simulated-node.js';
import type { Scenario } from './scenario.js';
import { SimulatedStorage } from './storage.js';
import {
  COMPLETED_AFTER_RELEASE,
  DONE_TOO_LATE,
  KEPT_AFTER_RELEASE,
  RENEWED_AFTER_RELEASE,
  STANDS_SHORT,
} from './promises.js';
import { type Spot, type Waiter, work } from './workload.js';
import { World } from './world.js';

const COMMAND_TIMEOUT = 60;
const CONNECT_TIMEOUT = 150;
/** After this nobody waits for a command any more, and an acquisition must not be done, ms; rates differ. */
const LATEST_COMMAND = 1.02 * COMMAND_TIMEOUT + 2;
/** How long the leases of a process that stops may still be used, ms. */
const STOP_TIMEOUT = 500;
/** By then every call has been answered, every lease has run out, and every queue, ms. */
const AFTERMATH = 120_000;

/** Those for shares have the arguments and replies of those for leases alone. */
const SCRIPTS = new Map(
  Object.entries({
    ACQUIRE: [ACQUIRE, SHARE],
    BREAK: [BREAK, END_SHARE],
    COMPLETE: [COMPLETE],
    CONFIRM: [CONFIRM, CONFIRM_SHARE],
    SYNC: [SYNC],
    JOIN: [JOIN],
    REFRESH: [REFRESH],
    RELEASE: [RELEASE, RELEASE_SHARE],
    RENEW: [RENEW, RENEW_SHARES],
  }).flatMap(([name, scripts]) =>
    scripts.flatMap(({ sha, text }) => [
      [sha, name],
      [text, name],
    ]),
  ),
);

/** How often it is counted on how many nodes each lease stands, ms. */
const COUNT_PERIOD = 10;
/** For how many times the longest way a lease may be on its way to a node, beside a heartbeat. */
const WAYS = 6;

interface LiveLease {
  readonly lease: HeldLease;
  readonly member: Member;
  /** On the judge's clock, ms. */
  readonly since: number;
}

/** Processes, nodes, storage and faults of one scenario. */
export class Simulation {
  readonly world = new World();
  readonly journal = new Journal();
  readonly nodes: readonly SimulatedNode[];
  /** All that ever were. */
  readonly members: Member[] = [];
  /** When nobody asks for anything new any more, on the judge's clock, ms. */
  readonly end: number;
  readonly #storage = new SimulatedStorage();
  readonly #queues = new QueueWatch(this.journal);
  readonly #links = new Map<Member, readonly Link[]>();
  /** Those that were told the list of nodes before its change. */
  readonly #old = new Set<Member>();
  readonly #waiting = new Set<Waiter>();
  /** Ids of the acquisitions that became leases. */
  readonly #used = new Set<string>();
  /** When they were given back, by id, on the judge's clock, ms. */
  readonly #released = new Map<string, number>();
  /** Node and id of each lease that a node has freed. */
  readonly #freed = new Set<string>();
  /** Those that are held now, by id. */
  readonly #leases = new Map<string, LiveLease>();
  /** Of grants: their ids are random, and a history is the same each time. */
  readonly #names = new Map<string, string>();
  readonly #faults: Faults;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly scenario: Scenario,
    private readonly random: Random,
  ) {
    this.end = scenario.duration;
    this.nodes = scenario.nodes.map(
      (time, index) =>
        new SimulatedNode(`node${index + 1}`, time, random.fork(), (node, command, reply, sentAt) =>
          this.#observe(node, command, reply, sentAt),
        ),
    );
    this.#faults = new Faults(
      this.world,
      random.fork(),
      this.journal,
      {
        nodes: this.nodes,
        members: () => this.members.filter(({ gone }) => !gone),
        linksOf: (member) => this.#links.get(member) ?? [],
        kill: (member) => this.#kill(member),
        join: () => this.#join(),
        callOff: (lock) => this.#callOff(lock),
        breakLock: (member, lock = this.random.pick(scenario.locks)) => {
          member.breakLock(lock).catch((error: unknown) => {
            this.#failure ??= { error };
          });
        },
      },
      {
        ttl: Math.max(...scenario.ttls),
        mayForget: (node, at) => this.#mayForget(node, at),
        wallMayStop: scenario.wallMayStop,
        keepReach: scenario.change?.overlapping === false,
      },
    );
  }

  /** Resolves to whether everything that was begun has ended: no timer, no message is left. */
  async run(): Promise<boolean> {
    const { members, faults, duration } = this.scenario;
    for (let count = 0; count < members; count += 1) this.#join();
    for (let count = 0; count < faults; count += 1)
      this.world.at(this.random.between(0, duration), undefined, () => this.#faults.strike());
    this.#changeNodes();
    this.#countStandings();
    const left = await this.world.run(this.end + AFTERMATH);
    if (this.#failure) throw this.#failure.error;
    for (const lock of this.scenario.locks)
      for (const storage of this.scenario.fencing
        ? (['fenced', 'control'] as const)
        : (['control'] as const)) {
        const value = this.#storage.read(lock, storage);
        this.journal.add({ type: 'final', at: this.world.now, lock, storage, value });
      }
    return !left;
  }

  whatHappened(): WhatHappened {
    const { ttls, maxTtl, nodes } = this.scenario;
    return {
      members: this.members.map(({ place }) => place.time),
      nodes,
      losses: this.#faults.losses.map(({ node, at }) => ({ node: node.time, at })),
      slept: this.#faults.slept,
      longestTtl: Math.max(...ttls),
      quarantine: maxTtl ?? (ttls[0] as number),
      end: this.end,
    };
  }

  /** Whether no node has lost what was stored on it: another one may have been away when it was written. */
  get keepsRecords(): boolean {
    return this.#faults.losses.length === 0;
  }

  get longestPause(): number {
    return Math.max(...this.members.map(({ paused }) => paused));
  }

  /** New processes come, and the old ones may go. */
  #changeNodes(): void {
    const { change } = this.scenario;
    if (!change) return;
    this.world.at(change.at, undefined, () => {
      this.journal.add({ type: 'fault', at: this.world.now, kind: 'list of nodes changed' });
      for (let count = 0; count < 2; count += 1) this.#join();
    });
    if (change.killedAt === Infinity) return;
    this.world.at(change.killedAt, undefined, () => {
      for (const member of this.#old) this.#kill(member);
    });
  }

  /** What a process is told that begins now; one may still come with the old list, as when a roll-out is taken back. */
  #listNow(): readonly number[] {
    const { change, nodes } = this.scenario;
    if (!change) return [...nodes.keys()];
    const { before, after, at } = change;
    return this.world.now >= at && this.random.chance(0.8) ? after : before;
  }

  #join(): void {
    const { scenario, world, journal, nodes } = this;
    const list = this.#listNow();
    const random = this.random.fork();
    const time: LocalTime = scenario.newClock(random);
    const link = (): Link => new Link(world, random.fork(), scenario.latency);
    const links = nodes.map(link);
    const mine = <T>(all: readonly T[]): T[] => list.map((index) => all[index] as T);
    const settings = {
      name: `process${this.members.length + 1}`,
      ttl: scenario.ttls[0] as number,
      maxTtl: scenario.maxTtl,
      commandTimeout: COMMAND_TIMEOUT,
      connectTimeout: CONNECT_TIMEOUT,
      fencing: scenario.fencing,
      pauses: scenario.pauses,
      jobs: scenario.jobs !== undefined,
    };
    const member = new Member(settings, {
      world,
      time,
      random,
      journal,
      nodes: mine(nodes),
      links: mine(links),
    });
    this.members.push(member);
    if (list === scenario.change?.before) this.#old.add(member);
    this.#links.set(member, links);
    world.at(world.now, member, () => {
      this.#live(member, link()).catch((error: unknown) => {
        this.#failure ??= { error };
      });
    });
  }

  async #live(member: Member, link: Link): Promise<void> {
    const { scenario, end } = this;
    const manager = await member.start(() => member.now >= end);
    if (!manager) return;
    if (scenario.change && !this.#old.has(member))
      this.journal.reached('new list of nodes in use', member.now);
    const lane = (): Promise<void> =>
      work(
        { ...scenario, until: end },
        {
          member,
          manager,
          storage: this.#storage,
          link,
          random: member.place.random.fork(),
          at: (spot, lock) => this.#endanger(spot, member, undefined, lock),
          waiting: this.#waiting,
          used: (lease) => {
            const { id } = lease.grant;
            this.#used.add(id);
            // A node that has refused a share does not get it later.
            if (!lease.shared) this.#leases.set(id, { lease, member, since: member.now });
            // Handed on to the next one, it goes on.
            this.#released.delete(id);
            return this.#nameOf(id);
          },
          released: (id, at) => {
            this.#leases.delete(id);
            this.#released.set(id, at);
          },
        },
      );
    const random = scenario.elections?.fork();
    const candidate = random && new Candidate(member, manager, random, STOP_TIMEOUT);
    const { jobs } = scenario;
    const runner = jobs && new JobRunner(member, manager, jobs, jobs.random.fork());
    const moves = scenario.moves?.fork();
    const mover = moves && new Mover(member, manager, moves);
    await Promise.all([
      candidate?.run(end),
      runner?.run(end),
      mover?.run(end),
      ...Array.from({ length: scenario.lanes }, lane),
    ]);
    await member.stop(STOP_TIMEOUT);
  }

  /** As long as nothing has gone wrong, each lease stands on all nodes. */
  #countStandings(): void {
    const { nodes, latency, ttls } = this.scenario;
    if (nodes.some(({ stepped }) => stepped) || latency.spikes > 0) return;
    this.world.at(this.world.now + COUNT_PERIOD, undefined, () => {
      if (this.world.now > this.end || this.journal.records.some(({ type }) => type === 'fault')) return;
      for (const { lease, member, since } of this.#leases.values()) {
        const heartbeat = Math.min(lease.ttl, ttls[0] ?? 0) / 3;
        const young = this.world.now - since < heartbeat + WAYS * latency.most;
        // It has been lost, or its process may think so.
        if (young || lease.state !== 'held' || member.place.time.stepped) continue;
        this.journal.reached('lease counted on all nodes', this.world.now);
        const holders = member.place.nodes.map((node) => holderOn(node, lease.name, this.world.now));
        const others = holders.filter((id) => id !== lease.grant.id);
        if (others.length === 0) continue;
        // A waiter keeps the node whose queue it is the first of, where the holder waited in the queue of another node.
        if (others.every((id) => typeof id === 'string' && !this.#used.has(id)))
          this.journal.reached('node kept by the first of its queue', this.world.now);
        else this.journal.reached(STANDS_SHORT, this.world.now);
      }
      this.#countStandings();
    });
  }

  #nameOf(id: string): string {
    let name = this.#names.get(id);
    if (name === undefined) this.#names.set(id, (name = this.journal.name('grant')));
    return name;
  }

  #kill(member: Member): void {
    if (member.gone) return;
    member.gone = true;
    this.journal.add({
      type: 'gone',
      at: Math.max(member.now, this.world.now),
      worker: member.settings.name,
    });
    this.world.at(this.world.now + this.random.skewed(1, 500), undefined, () => {
      if (this.world.now < this.end) this.#join();
    });
  }

  #callOff(lock: string | undefined): void {
    for (const waiter of this.#waiting) if (lock === undefined || waiter.lock === lock) waiter.callOff();
  }

  #mayForget({ time }: SimulatedNode, at: number): boolean {
    const { change, clocks, ttls } = this.scenario;
    const quarantine = 2 * Math.max(...ttls);
    if (change) return false;
    return clocks === 'close' && time.stepsAhead(at - quarantine, at + quarantine) === 0;
  }

  /** Something goes wrong here more often than elsewhere. */
  #endanger(spot: Spot | 'votes', member?: Member, node?: SimulatedNode, lock?: string): void {
    if (this.world.now >= this.end || !this.random.chance(this.scenario.bias)) return;
    this.journal.reached(`struck at ${spot}`, this.world.now);
    this.#faults.strike(member, node, lock);
  }

  #observe(
    node: SimulatedNode,
    [command, script = '', count = '', ...args]: readonly string[],
    reply: Reply,
    sentAt: number,
  ): void {
    const [key = '', id] = [args[0], args[Number(count)]];
    const name = command?.startsWith('eval') === true ? SCRIPTS.get(script) : undefined;
    if (!name || key.includes('preflight')) return;
    // Whole scripts are sent when the node had forgotten a command that was sent before.
    if (name === 'RENEW')
      return this.#observeRenewals(
        node,
        args.slice(Number(count) + 1),
        reply,
        command === 'eval' ? 0 : sentAt,
      );
    if (name === 'COMPLETE')
      return this.#observeCompletions(
        node,
        args.slice(1, Number(count)),
        args.slice(Number(count) + 3),
        reply,
        sentAt,
      );
    const taken = name === 'ACQUIRE' && typeof reply === 'number';
    const [status, now, record] = Array.isArray(reply) ? (reply as readonly Reply[]) : [taken ? 1 : reply];
    this.#observeQueues(node, name, args.slice(0, Number(count)), args.slice(Number(count)), status);
    const state = STATES[`${name} ${Number(status)}`];
    if (state !== undefined) this.journal.reached(state, node.now);
    if (
      name === 'SYNC' &&
      Number(now) / 1000 - Number(typeof record === 'string' && record.split(' ')[2]) < this.scenario.ttls[0]!
    )
      this.journal.reached('node in quarantine', node.now);
    if (name === 'RELEASE' && status === 1) this.#observeRelease(node, id ?? '');
    if (name === 'BREAK' && Number(status) > 0) this.#observeBreak(node, id ?? '');
    if (name !== 'ACQUIRE' || status !== 1) return;
    // Set back, a node's clock lets late commands through.
    const judged = this.scenario.fair && !node.time.stepsBack;
    if (judged && node.now - sentAt > LATEST_COMMAND) this.journal.reached(DONE_TOO_LATE, node.now);
    this.#endanger('votes', undefined, node, key.replace('coordination:lock:', ''));
  }

  #observeQueues(
    node: SimulatedNode,
    name: string,
    keys: readonly string[],
    args: readonly string[],
    status: Reply | undefined,
  ): void {
    const [first = ''] = args;
    const alive = (process: string, ms = ''): Said['alive'] =>
      ms === '' ? undefined : { process, ms: Number(ms) };
    if (name === 'RELEASE') this.#queues.look(node, keys[0] ?? '', { leaves: first });
    if (name === 'BREAK') this.#queues.look(node, keys[0] ?? '', {});
    if (name === 'ACQUIRE') {
      // Who takes the lock, or is refused for another reason, does not wait there.
      const sign = status === 0 ? alive(processOf(first), args[4]) : undefined;
      this.#queues.look(node, keys[0] ?? '', { before: args[5], alive: sign });
    }
    if (name === 'JOIN' && status === 1)
      this.#queues.look(node, keys[0] ?? '', { alive: alive(processOf(args[4] ?? ''), args[2]) });
    if (name !== 'REFRESH' || status !== 1) return;
    for (let at = 1; at < keys.length; at += 4)
      this.#queues.look(node, keys[at] ?? '', { alive: alive(first, args[1]) });
  }

  #observeRelease(node: SimulatedNode, id: string): void {
    this.#freed.add(`${node.name} ${id}`);
    if (!this.#used.has(id)) this.journal.reached('vote given back unused', node.now);
  }

  /** From now on its holder may be beside the next one, until it learns of it. */
  #observeBreak(node: SimulatedNode, id: string): void {
    this.journal.add({ type: 'broken', at: node.now, grant: this.#nameOf(id) });
  }

  #observeCompletions(
    node: SimulatedNode,
    keys: readonly string[],
    args: readonly string[],
    reply: Reply,
    sentAt: number,
  ): void {
    const [status, , ...mine] = Array.isArray(reply) ? (reply as readonly Reply[]) : [];
    for (const [index, each] of mine.entries()) {
      const id = args[2 * index] ?? '';
      this.#queues.look(node, keys[2 * index] ?? '', { completed: id });
      if (sentAt > (this.#released.get(id) ?? Infinity))
        this.journal.reached(COMPLETED_AFTER_RELEASE, node.now);
      this.journal.reached(each === 1 ? 'lease completed' : 'lease not completed', node.now);
    }
    if (status === 2) this.journal.reached('completion refused because it came too late', node.now);
  }

  #observeRenewals(node: SimulatedNode, ids: readonly string[], reply: Reply, sentAt: number): void {
    if (ids.length > 1) this.journal.reached('leases renewed together', node.now);
    for (const [index, id] of ids.entries()) {
      const status = Array.isArray(reply) ? (reply as readonly Reply[])[index + 1] : undefined;
      const state = STATES[`RENEW ${Number(status)}`];
      if (state !== undefined) this.journal.reached(state, node.now);
      if (sentAt > (this.#released.get(id) ?? Infinity))
        this.journal.reached(RENEWED_AFTER_RELEASE, node.now);
      if (status === 1 && this.#freed.has(`${node.name} ${id}`))
        this.journal.reached(KEPT_AFTER_RELEASE, node.now);
    }
  }
}

function holderOn(node: SimulatedNode, lock: string, now: number): unknown {
  node.now = Math.max(node.now, now);
  return node.keyspace.get(`coordination:lock:${lock}`);
}

/** What it means when a script answers so. */
const STATES: Readonly<Record<string, string>> = {
  'ACQUIRE 2': 'acquisition refused because it came too late',
  'ACQUIRE 3': 'acquisition refused by the node’s record',
  'JOIN 2': 'joining refused because it came too late',
  'JOIN 3': 'joining refused by the node’s record',
  'REFRESH 3': 'refreshment refused by the node’s record',
  'CONFIRM 0': 'token not confirmed',
  'RENEW 0': 'renewal of a lease that is gone',
  'RENEW -1': 'renewal of a lease that somebody else has',
  'RELEASE 0': 'release of a lease that is gone',
};
