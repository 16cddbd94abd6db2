import { Inject, Injectable, type OnApplicationShutdown, Optional } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { type Duration, msOf } from '../common/duration.js';
import { CoordinatorService } from '../coordinator.service.js';
import { InvalidOptionsError } from '../errors.js';
import { type LockManager, startedManagerOf } from '../lock/index.js';
import { ask } from './ask.js';
import { Losses } from './losses.js';

/**
 * How long the back end is asked, and when the answer is `degraded`.
 * @publicApi
 */
export interface CoordinationHealthOptions {
  /** How long the back end has to answer: ms, or text such as '2s'; default: 1000. */
  readonly timeout?: Duration;
  /** More leases than this number lost in the last minute are `degraded`; default: no limit. */
  readonly maxLost?: number;
  /** Default: the coordinator without a name. */
  readonly coordinator?: CoordinatorService;
}

const TIMEOUT = 1000;

type Details = Record<string, unknown>;

/**
 * Tells @nestjs/terminus (an optional peer) how the coordinator of this replica is:
 *
 * - `down`: it is not started, its back end does not answer in time or has no quorum, or its heartbeat is older than the ttl
 * - `degraded`: it works, and a node of its back end is away, or more than `maxLost` leases were lost in the last minute. Terminus 11 has no such
 *   status: there it is `up` with `degraded: true`
 *
 * @example
 * \@Get('health')
 * \@HealthCheck()
 * check() {
 *   return this.health.check([() => this.coordination.isHealthy('coordination')]);
 * }
 *
 * @publicApi
 */
@Injectable()
export class CoordinationHealthIndicator implements OnApplicationShutdown {
  readonly #losses = new Map<CoordinatorService, Losses>();

  /** Made by Nest. @throws what Nest throws where `TerminusModule` is not imported */
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Optional() @Inject(CoordinatorService) private readonly coordinator?: CoordinatorService,
  ) {
    if (coordinator) this.#lossesOf(coordinator);
  }

  /**
   * Never rejects because of the back end.
   * @param key its name in the answer
   * @throws InvalidOptionsError when there is no coordinator without a name, and none is given
   */
  async isHealthy<const K extends string>(
    key: K,
    options: CoordinationHealthOptions = {},
  ): Promise<HealthIndicatorResult<K>> {
    const { coordinator = this.coordinator, maxLost = Infinity, timeout = TIMEOUT } = options;
    if (!coordinator)
      throw new InvalidOptionsError(
        'CoordinationHealthIndicator: the application has no coordinator without a name; say which one with the option "coordinator"',
      );
    const session = this.indicators.check(key);
    const losses = this.#lossesOf(coordinator);
    const manager = startedManagerOf(coordinator);
    if (!manager) return session.down({ message: 'the coordinator is not started' });
    // Checked before the question: a process that was held up sends its late heartbeat during it.
    const tooLate = late(manager);
    const { message, responseTime } = await ask(session, key, manager, msOf(timeout));
    const { lately } = losses;
    const details: Details = { responseTime, ...detailsOf(manager), lostLastMinute: lately };
    const wrong = message ?? tooLate ?? noQuorum(manager);
    if (wrong !== undefined) return session.down({ message: wrong, ...details });
    const impaired = impairment(manager) ?? (lately > maxLost ? `${lately} leases were lost` : undefined);
    if (impaired === undefined) return session.up(details);
    const why = { message: impaired, ...details };
    // Terminus 11 has no such status.
    return typeof session.degraded === 'function' ? session.degraded(why) : upThough(session.up(why));
  }

  /** Listens to the coordinators no more. */
  onApplicationShutdown(): void {
    for (const losses of this.#losses.values()) losses.end();
    this.#losses.clear();
  }

  #lossesOf(coordinator: CoordinatorService): Losses {
    const losses = this.#losses.get(coordinator) ?? new Losses(coordinator);
    this.#losses.set(coordinator, losses);
    return losses;
  }
}

function upThough<K extends string>(result: HealthIndicatorResult<K>): HealthIndicatorResult<K> {
  for (const about of Object.values<Details>(result)) about['degraded'] = true;
  return result;
}

function detailsOf({ driverHealth, heartbeatAge }: LockManager): Details {
  const heartbeat = { heartbeatAge: Math.round(heartbeatAge) };
  if (!driverHealth) return heartbeat;
  const { nodes, quorum } = driverHealth;
  const down = nodes.filter(({ up }) => !up).map(({ name }) => name);
  return { ...heartbeat, nodes: { all: nodes.length, up: nodes.length - down.length, quorum, down } };
}

/** Other members take a member for dead when its heartbeat is older than the ttl. */
function late({ heartbeatAge, settings }: LockManager): string | undefined {
  if (heartbeatAge <= settings.ttl) return undefined;
  return `the heartbeat is late: the last one was confirmed ${Math.round(heartbeatAge)} ms ago, and the ttl is ${settings.ttl} ms`;
}

function noQuorum({ driverHealth }: LockManager): string | undefined {
  if (!driverHealth) return undefined;
  const { nodes, quorum } = driverHealth;
  const up = nodes.filter((node) => node.up).length;
  if (up >= quorum) return undefined;
  return `${up} of ${nodes.length} nodes of the back end can be used, and ${quorum} are needed`;
}

function impairment({ driverHealth }: LockManager): string | undefined {
  const down = driverHealth?.nodes.filter(({ up }) => !up) ?? [];
  if (!driverHealth || down.length === 0) return undefined;
  const { nodes, quorum } = driverHealth;
  const spare = nodes.length - down.length - quorum;
  return `${down.length} of ${nodes.length} nodes of the back end are away; ${spare} more may fail`;
}
