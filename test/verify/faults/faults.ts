/** What a campaign runs on. */
export type Backend = 'redis' | 'postgres' | 'file';

export const BACKENDS: readonly Backend[] = ['redis', 'postgres', 'file'];

/** `inside`: only faults that the promises allow for. `everything`: all of them. */
export type Campaign = 'inside' | 'everything';

/** A fault, what it undermines, and how it is drawn. */
interface FaultTraits {
  readonly on: readonly Backend[];
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
  /** How long it lasts, ms: at least and at most; 0 for what happens in a moment. */
  readonly lasts: readonly [number, number];
  /** A node, or a file, forgets what it was told. */
  readonly forgets?: 'sitting it out' | 'silently';
  /** A wall clock is set to another time. */
  readonly stepsClock?: 'worker' | 'node';
  /** Clients that know nothing of quarantine, tokens and lists of nodes. */
  readonly foreign?: true;
  /** Workers that count other nodes. */
  readonly changesList?: true;
  readonly needsShim?: true;
}

const REDIS = ['redis'] as const;
const POSTGRES = ['postgres'] as const;
const SERVERS = ['redis', 'postgres'] as const;
const FILE = ['file'] as const;
const ALL = ['redis', 'postgres', 'file'] as const;
const MOMENT = [0, 0] as const;

/** Longer than the longest ttl of the workers, so that leases run out meanwhile; see `campaign.ts`. */
const BEYOND_TTL = [300, 1800] as const;

export const FAULTS = {
  'kill holder': { on: ALL, weight: 4, lasts: MOMENT },
  'kill waiter': { on: ALL, weight: 3, lasts: MOMENT },
  'kill while releasing': { on: ALL, weight: 2, lasts: MOMENT },
  'stop holder': { on: ALL, weight: 5, lasts: BEYOND_TTL },
  'stop waiter': { on: ALL, weight: 3, lasts: BEYOND_TTL },
  'stop while releasing': { on: ALL, weight: 2, lasts: BEYOND_TTL },
  'stop until overtaken': { on: SERVERS, weight: 2, lasts: [4000, 4000] },
  'end worker in order': { on: ALL, weight: 1, lasts: MOMENT },
  'step clock of worker': { on: ALL, weight: 3, lasts: [200, 2000], stepsClock: 'worker', needsShim: true },

  'kill node': { on: REDIS, weight: 2, lasts: [100, 1500], forgets: 'sitting it out' },
  'restart node empty': { on: REDIS, weight: 2, lasts: MOMENT, forgets: 'sitting it out' },
  'empty node': { on: REDIS, weight: 2, lasts: MOMENT, forgets: 'sitting it out' },
  'nodes forget in turns': { on: REDIS, weight: 3, lasts: [200, 600], forgets: 'sitting it out' },
  'stop node': { on: REDIS, weight: 4, lasts: [100, 1800] },
  'pause clients of node': { on: REDIS, weight: 3, lasts: [100, 1500] },
  'flush scripts of node': { on: REDIS, weight: 3, lasts: MOMENT },
  'evict from node': { on: REDIS, weight: 3, lasts: [200, 800], forgets: 'silently' },
  'step clock of node': { on: REDIS, weight: 3, lasts: [200, 2000], stepsClock: 'node', needsShim: true },
  'clock of node runs fast or slow': { on: REDIS, weight: 2, lasts: [500, 2000], needsShim: true },

  'reset connections': { on: SERVERS, weight: 4, lasts: MOMENT },
  'cut both ways': { on: SERVERS, weight: 4, lasts: [100, 1800] },
  'cut requests': { on: SERVERS, weight: 2, lasts: [100, 1800] },
  'cut replies': { on: SERVERS, weight: 3, lasts: [100, 1800] },
  'lose bytes': { on: SERVERS, weight: 2, lasts: [100, 1500] },
  'slow link': { on: SERVERS, weight: 3, lasts: [200, 1500] },
  'narrow link': { on: SERVERS, weight: 2, lasts: [200, 1500] },
  'replies later than the ttl': { on: SERVERS, weight: 2, lasts: [300, 1500] },

  'foreign clients': { on: REDIS, weight: 2, lasts: [500, 2500], foreign: true },
  'changed list of nodes': { on: REDIS, weight: 2, lasts: [500, 2000], changesList: true },

  'crash server': { on: POSTGRES, weight: 3, lasts: [50, 1000] },
  'stop server': { on: POSTGRES, weight: 4, lasts: [100, 1800] },
  'end sessions': { on: POSTGRES, weight: 3, lasts: MOMENT },
  'lock rows': { on: POSTGRES, weight: 3, lasts: [100, 1800] },
  'step clock of server': {
    on: POSTGRES,
    weight: 3,
    lasts: [200, 2000],
    stepsClock: 'node',
    needsShim: true,
  },
  'clock of server runs fast or slow': { on: POSTGRES, weight: 2, lasts: [500, 2000], needsShim: true },

  'disk full': { on: FILE, weight: 3, lasts: [50, 600] },
  'stop between lock and record': { on: FILE, weight: 4, lasts: [100, 800] },
  'kill between lock and record': { on: FILE, weight: 2, lasts: MOMENT },
  'remove unused files': { on: FILE, weight: 4, lasts: [50, 400] },
  'remove directory': { on: FILE, weight: 2, lasts: [1, 100], forgets: 'silently' },
  'remove the file of a stopped holder': { on: FILE, weight: 3, lasts: [4000, 4000], forgets: 'silently' },
} as const satisfies Record<string, FaultTraits>;

export type FaultKind = keyof typeof FAULTS;

export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

export function traitsOf(kind: FaultKind): FaultTraits {
  return FAULTS[kind];
}

/** One planned fault. Which numbers matter depends on the kind. */
export interface Step {
  readonly kind: FaultKind;
  /** When it begins, ms after the start of its run. */
  readonly at: number;
  readonly lasts: number;
  /** Which of the workers, nodes and locks, by number. */
  readonly worker: number;
  readonly node: number;
  readonly lock: number;
  /** Hits this node's links to every worker, and not one worker's alone. */
  readonly everybody: boolean;
  /** By how many ms a clock is set, either way. */
  readonly clockStep: number;
  /** In [0, 1), for what a kind has to choose by itself. */
  readonly chance: number;
}
