import type { Journal } from './journal.js';
import type { LocalTime } from './local-time.js';
import type { Member } from './member.js';
import type { Direction, Link } from './network.js';
import type { Random } from './random.js';
import type { SimulatedNode } from './redis/simulated-node.js';
import type { World } from './world.js';

/** What can be done to a simulated world. */
export interface Victims {
  readonly nodes: readonly SimulatedNode[];
  /** Those that run now. */
  readonly members: () => readonly Member[];
  readonly linksOf: (member: Member) => readonly Link[];
  /** Kills a process; another one takes its place. */
  readonly kill: (member: Member) => void;
  /** One more process begins. */
  readonly join: () => void;
  readonly callOff: (lock: string | undefined) => void;
  /** A process breaks a lock, or some lock. */
  readonly breakLock: (member: Member, lock: string | undefined) => void;
}

export interface FaultSettings {
  /** Of how many ms most faults are; some are several times as long. */
  readonly ttl: number;
  /** Whether a node may lose its memory at this time, on the judge's clock. */
  readonly mayForget: (node: SimulatedNode, at: number) => boolean;
  /** Whether the wall clock of a sleeping machine may hide that it slept. */
  readonly wallMayStop: boolean;
  /** Whether every node has to be within reach of every process. */
  readonly keepReach: boolean;
}

type Kind = (typeof KINDS)[number];

const KINDS = [
  'process stopped',
  'process stopped',
  'machine asleep',
  'process killed',
  'node stopped',
  'node restarted empty',
  'node restarted with its data',
  'node emptied',
  'scripts flushed',
  'connections reset',
  'partition',
  'partition',
  'node isolated',
  'messages held up',
  'messages held up',
  'waiters called off',
  'lock broken',
] as const;

/** Does harm, at random, and writes it into the journal. */
export class Faults {
  /** When nodes have lost their memory, on the judge's clock. */
  readonly losses: { readonly node: SimulatedNode; readonly at: number }[] = [];
  /** Of machines that slept. */
  readonly slept = new Set<LocalTime>();

  constructor(
    private readonly world: World,
    private readonly random: Random,
    private readonly journal: Journal,
    private readonly victims: Victims,
    private readonly settings: FaultSettings,
  ) {}

  /** Something, to somebody; `member` and `node` where it is known to whom. */
  strike(member = this.#anyMember(), node = this.random.pick(this.victims.nodes), lock?: string): void {
    const kind = this.random.pick(KINDS);
    if (this.settings.keepReach && CUTS_OFF.has(kind)) return;
    if (member || !NEEDS_MEMBER.has(kind)) this.#strike(kind, member as Member, node, lock);
  }

  #strike(kind: Kind, member: Member, node: SimulatedNode, lock: string | undefined): void {
    const { nodes } = this.victims;
    const ms = this.random.skewed(1, 3 * this.settings.ttl);
    const link = this.victims.linksOf(member)[nodes.indexOf(node)] as Link;
    switch (kind) {
      case 'process stopped':
        member.pause(ms);
        break;
      case 'machine asleep':
        this.#sleep(member, ms);
        break;
      case 'process killed':
        this.#note(kind, member.settings.name);
        this.victims.kill(member);
        break;
      case 'node stopped':
        this.#note(kind, node.name, ms);
        node.now = Math.max(node.now, this.world.now) + ms;
        break;
      case 'node restarted empty':
        if (this.settings.mayForget(node, this.world.now)) this.#restart(kind, node, 'empty', ms);
        break;
      case 'node restarted with its data':
        this.#restart(kind, node, 'kept', ms);
        break;
      case 'node emptied':
        this.#empty(node);
        break;
      case 'scripts flushed':
        this.#note(kind, node.name);
        this.world.at(this.world.now, node, () => node.administer('script', 'flush'));
        break;
      case 'connections reset':
        this.#note(kind, `${member.settings.name} and ${node.name}`);
        link.reset();
        break;
      case 'partition':
        this.#part([link], ms, `${member.settings.name} and ${node.name}`);
        break;
      case 'node isolated': {
        const index = nodes.indexOf(node);
        const links = this.victims.members().map((each) => this.victims.linksOf(each)[index] as Link);
        this.#part(links, ms, node.name);
        break;
      }
      case 'messages held up':
        this.#note(kind, `${member.settings.name} and ${node.name}`);
        link.holdUp(this.random.pick<Direction>(['there', 'back']), ms);
        break;
      case 'waiters called off':
        this.#note(kind);
        this.victims.callOff(lock);
        break;
      case 'lock broken': {
        const breaker = this.#anyMember();
        if (!breaker) break;
        this.#note(kind, breaker.settings.name);
        this.world.at(this.world.now, breaker, () => this.victims.breakLock(breaker, lock));
        break;
      }
    }
  }

  #anyMember(): Member | undefined {
    const members = this.victims.members();
    return members.length === 0 ? undefined : this.random.pick(members);
  }

  #note(kind: string, target?: string, ms?: number): void {
    const { now } = this.world;
    this.journal.add({
      type: 'fault',
      at: now,
      until: ms === undefined ? undefined : now + ms,
      kind,
      target,
    });
  }

  #sleep(member: Member, ms: number): void {
    const { time } = member.place;
    const { random, settings } = this;
    const wallToo = settings.wallMayStop && random.chance(0.5);
    // Set back while the other one stands still, the wall clock does not tell either.
    if (!settings.wallMayStop && time.stepsBack) return member.pause(ms);
    this.slept.add(time);
    this.#note(wallToo ? 'machine asleep with both clocks' : 'machine asleep', member.settings.name, ms);
    time.sleep(member.now, ms, wallToo);
    member.now += ms;
    member.paused += ms;
  }

  #restart(kind: string, node: SimulatedNode, data: 'empty' | 'kept', ms: number): void {
    if (!node.alive) return;
    this.#note(kind, node.name, ms);
    node.now = this.world.now;
    node.kill();
    this.world.at(this.world.now + ms, node, () => node.restart(data));
    if (data === 'empty') this.#lost(node, this.world.now, ms);
  }

  #empty(node: SimulatedNode): void {
    this.world.at(this.world.now, node, () => {
      if (!node.alive || !this.settings.mayForget(node, node.now)) return;
      this.#note('node emptied', node.name);
      node.administer('flushall');
      this.#lost(node, node.now, 0);
    });
  }

  /** A process that begins now, or soon, has never known what the node has forgotten. */
  #lost(node: SimulatedNode, at: number, back: number): void {
    this.losses.push({ node, at });
    if (this.random.chance(0.5))
      this.world.at(at + back + this.random.skewed(0.1, 100), undefined, this.victims.join);
  }

  #part(links: readonly Link[], ms: number, target: string): void {
    const directions = this.random.pick<readonly Direction[]>([['there'], ['back'], ['there', 'back']]);
    const ways = directions.length === 2 ? 'both ways' : `one way ${directions[0]}`;
    this.#note(`partition ${ways}`, target, ms);
    for (const link of links) for (const direction of directions) link.close(direction, this.world.now + ms);
  }
}

const NEEDS_MEMBER: ReadonlySet<Kind> = new Set<Kind>([
  'process stopped',
  'machine asleep',
  'process killed',
  'connections reset',
  'partition',
  'messages held up',
]);

const CUTS_OFF: ReadonlySet<Kind> = new Set<Kind>([
  'node stopped',
  'node restarted with its data',
  'connections reset',
  'partition',
  'node isolated',
  'messages held up',
]);
