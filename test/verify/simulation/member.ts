import type { Clock, Timer } from '../../../lib/common/clock.js';
import { CoordinatorEmitter } from '../../../lib/common/coordinator.emitter.js';
import type { DriverContext } from '../../../lib/drivers/driver.js';
import type { NodePlan } from '../../../lib/drivers/redis/connection/node-plan.js';
import { OwnConnection } from '../../../lib/drivers/redis/connection/own-connection.js';
import { RedisDriver } from '../../../lib/drivers/redis/redis.driver.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { LockManager } from '../../../lib/lock/lock-manager.js';
import type { Journal } from './journal.js';
import type { LocalTime } from './local-time.js';
import type { Link } from './network.js';
import type { Random } from './random.js';
import { watchRecords } from './record-watch.js';
import { simulatedClient } from './redis/simulated-client.js';
import type { SimulatedNode } from './redis/simulated-node.js';
import { Actor, type World } from './world.js';

/** Between two tries to join, ms. */
const RESTART_PAUSE = 50;

/** Time passes on every machine: without this a remainder that is too small to be added would be waited for for ever. */
const SHORTEST_TIMER = 0.01;

export interface Pauses {
  /** How many looks at a clock meet a pause right before or right after. */
  readonly rate: number;
  /** ms */
  readonly longest: number;
}

export interface MemberSettings {
  readonly name: string;
  readonly ttl: number;
  /** The longest ttl that anybody may ask for, where that is declared, ms. */
  readonly maxTtl: number | undefined;
  readonly commandTimeout: number;
  readonly connectTimeout: number;
  readonly fencing: boolean;
  readonly pauses: Pauses;
  /** Whether it has jobs, whose records are watched. */
  readonly jobs: boolean;
}

export interface MemberPlace {
  readonly world: World;
  readonly time: LocalTime;
  readonly random: Random;
  readonly journal: Journal;
  readonly nodes: readonly SimulatedNode[];
  readonly links: readonly Link[];
}

/**
 * One process with the real driver and the real manager on simulated clocks and connections.
 *
 * It can be stopped at every `await`: whatever it does between two of them can be seen from outside only by what it
 * reads of its clocks and by what it sends, so a pause at a look at the clock stands for one anywhere before it.
 */
export class Member extends Actor {
  readonly thinks = true;
  /** How long it was stopped in all, ms. */
  paused = 0;
  #running: { readonly driver: RedisDriver; readonly manager: LockManager } | undefined;

  constructor(
    readonly settings: MemberSettings,
    readonly place: MemberPlace,
  ) {
    super();
    this.now = place.world.now;
  }

  /** Joins, however long the back end takes, unless `over` says that it need not any more. */
  async start(over: () => boolean): Promise<LockManager | undefined> {
    while (!over()) {
      const driver = this.#openDriver();
      const manager = this.#openLockManager(driver);
      try {
        await driver.start();
        await manager.start();
        this.#running = { driver, manager };
        return manager;
      } catch (error) {
        if (!(error instanceof BackendUnavailableError)) throw error;
        if (error.message.includes('another list'))
          this.place.journal.reached('start refused: another list', this.now);
        await driver.stop();
        await this.sleep(RESTART_PAUSE);
      }
    }
    return undefined;
  }

  /** Frees a lock whoever holds it, if the nodes can be asked. */
  async breakLock(lock: string): Promise<void> {
    const { place } = this;
    try {
      const broken = await this.#running?.manager.break(lock);
      if (broken === true) place.journal.reached('lock broken', this.now);
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) throw error;
      place.journal.reached('lock not broken', this.now);
    }
  }

  async stop(timeout: number): Promise<void> {
    await this.#running?.manager.stop(timeout);
    await this.#running?.driver.stop();
  }

  readonly clock: Clock = {
    monotonic: () => this.#look(() => this.place.time.monotonic(this.now)),
    wall: () => this.#look(() => this.place.time.wall(this.now)),
    setTimer: (ms, callback) => this.#timer(ms, callback),
    // Later than everything that has arrived by now, which is in the queue already.
    afterInput: (callback) => void this.place.world.at(this.now, this, callback),
  };

  /** The process is stopped, and its clocks go on. */
  pause(ms: number): void {
    this.place.journal.add({
      type: 'fault',
      at: this.now,
      until: this.now + ms,
      kind: 'process stopped',
      target: this.settings.name,
    });
    this.now += ms;
    this.paused += ms;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.place.world.at(this.now + ms, this, resolve));
  }

  #openDriver(): RedisDriver {
    const { name, ttl, maxTtl, jobs } = this.settings;
    const { random, journal } = this.place;
    const context: DriverContext = {
      clock: this.clock,
      random: random.next,
      onBackendChange: ({ state }) => journal.reached(`back end ${state}`, this.now),
      warn: () => undefined,
    };
    const driver = new RedisDriver({ plans: this.#plans() }, { ttl, maxTtl }, context);
    if (jobs) watchRecords(driver.records, this, name, journal);
    return driver;
  }

  #openLockManager(driver: RedisDriver): LockManager {
    const { name, ttl, fencing } = this.settings;
    const events = new CoordinatorEmitter((message, error) => {
      throw new Error(message, { cause: error });
    });
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined };
    const identity = { agentId: name, prefix: '', memberId: name };
    return new LockManager(
      { ...identity, ttl, heartbeat: ttl / 3, blocking: true, fencing },
      { driver, clock: this.clock, events, log },
    );
  }

  #look(read: () => number): number {
    this.#perhapsPause();
    const time = read();
    this.#perhapsPause();
    return time;
  }

  #perhapsPause(): void {
    const { rate, longest } = this.settings.pauses;
    const { random } = this.place;
    if (rate > 0 && random.chance(rate / 2)) this.pause(random.skewed(0.1, longest));
  }

  #timer(ms: number, callback: () => void): Timer {
    if (ms === Infinity) return { cancel: () => undefined };
    const { time, world } = this.place;
    const due = time.monotonic(this.now) + Math.max(0, ms);
    let scheduled: { cancel(): void };
    // The monotonic clock may have stood still meanwhile.
    const arm = (): void => {
      const left = (due - time.monotonic(this.now)) / time.rate;
      scheduled = world.at(this.now + Math.max(SHORTEST_TIMER, left), this, () => {
        if (time.monotonic(this.now) < due) arm();
        else callback();
      });
    };
    arm();
    return { cancel: () => scheduled.cancel() };
  }

  #plans(): NodePlan[] {
    const { world, random, nodes, links } = this.place;
    const { commandTimeout, connectTimeout } = this.settings;
    const settings = { connectTimeout, clock: this.clock, random: random.next, secrets: [] };
    return nodes.map((node, index) => {
      const link = links[index] as Link;
      const create = () => simulatedClient({ world, owner: this, node, link });
      return {
        name: node.name,
        secrets: [],
        commandTimeout,
        topology: 'single',
        connect: (owner) => new OwnConnection(create, owner, settings),
        subscribe: (owner) => new OwnConnection(create, owner, settings),
      };
    });
  }
}
