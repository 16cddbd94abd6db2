import { inspect, type InspectOptions } from 'node:util';
import { shown } from '../common/checks.js';
import { quoted } from '../common/quoted.js';
import { InvalidOptionsError } from '../errors.js';
import type { CampaignOptions, Election, Leader, Leadership } from './election.js';
import type { ElectionSession } from './election-session.js';
import type { HeldLeadership } from './leadership.js';

/** The part of the coordinator that a handle uses. */
export interface ElectionHost {
  /** False when this replica may not lead. */
  readonly candidate: boolean;
  leadershipOf(name: string): HeldLeadership | undefined;
  /** @throws LockCreationFailedError when the coordinator is not started */
  session(where: string): ElectionSession;
}

/** An application's handle on an election. All handles of one coordinator with one name see the same; a handle keeps no state. */
export class ElectionHandle implements Election {
  readonly name: string;
  readonly #host: ElectionHost;

  /** @throws InvalidOptionsError when the name is not a non-empty string */
  constructor(name: string, host: ElectionHost) {
    checkElectionName(name, 'getElection');
    this.name = name;
    this.#host = host;
  }

  get isLeader(): boolean {
    return this.#host.leadershipOf(this.name) !== undefined;
  }

  async campaign(options: CampaignOptions = {}): Promise<Leadership> {
    checkCampaignOptions(options, this.#where);
    const session = this.#session;
    if (!this.#host.candidate) {
      throw new InvalidOptionsError(
        `${this.#where}: member ${session.manager.memberId} may not lead, as its option candidate (COORDINATION_CANDIDATE) is false; campaign on another replica, or leave the option out`,
      );
    }
    return session.campaign(this.name, options.signal);
  }

  async resign(): Promise<boolean> {
    return (await this.#host.leadershipOf(this.name)?.resign()) ?? false;
  }

  async leader(): Promise<Leader | undefined> {
    return this.#session.leader(this.name);
  }

  async requestResign(): Promise<boolean> {
    return this.#session.requestResign(this.name);
  }

  watch(): AsyncIterableIterator<Leader | undefined> {
    return this.#session.watch(this.name);
  }

  toJSON(): object {
    const { name, isLeader } = this;
    return { name, isLeader };
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `Election ${inspect(this.toJSON(), options)}`;
  }

  get #where(): string {
    return `Election ${quoted(this.name)}`;
  }

  get #session(): ElectionSession {
    return this.#host.session(this.#where);
  }
}

/** @throws InvalidOptionsError */
export function checkElectionName(name: unknown, where: string): void {
  if (typeof name === 'string' && name !== '') return;
  throw new InvalidOptionsError(
    `${where}: the name of an election must be a non-empty string, got ${shown(name)}`,
  );
}

function checkCampaignOptions(options: CampaignOptions, where: string): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    throw new InvalidOptionsError(`${where}: the options of campaign must be an object, got ${shown(given)}`);
  }
  const unknown = Object.keys(given).filter((key) => key !== 'signal');
  if (unknown.length > 0) {
    throw new InvalidOptionsError(
      `${where}: unknown options of campaign: ${unknown.join(', ')}; known is signal`,
    );
  }
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw new InvalidOptionsError(`${where}: signal must be an AbortSignal, got ${shown(options.signal)}`);
  }
}
