import { systemClock } from '../common/clock.js';
import { LOCK_MANAGER } from '../lock/index.js';
import type { BreakOptions } from '../inspection/index.js';
import type { CoordinatorService } from '../coordinator.service.js';
import type { Activity } from './activity/index.js';
import type { EventStream } from './http/index.js';
import { Poller, type Seen } from './poller.js';
import type { DashboardSource } from './source.js';
import { viewOf } from './view/index.js';
import type { View } from './wire.js';

/** The ttl for a coordinator that has not started, ms. */
const USUAL_TTL = 10_000;

/** One page of one coordinator: its viewers, and the views that they get. */
export class Dashboard {
  readonly #streams = new Set<EventStream>();
  readonly #poller: Poller;
  /** The views of one poll, by search: viewers with the same search share a view. */
  readonly #views = new Map<string, string>();
  #seen?: Seen;
  #stopped = false;

  constructor(
    private readonly coordinator: CoordinatorService,
    private readonly source: DashboardSource,
    private readonly activity: Activity,
    readonly title: string,
  ) {
    this.#poller = new Poller(source, systemClock, (facts) => this.activity.compare(facts));
    this.activity.listenTo(coordinator);
  }

  /** How many streams are open. */
  get viewers(): number {
    return this.#poller.viewers;
  }

  /** The present state, a {@link View} as JSON. */
  async view(search: string): Promise<string> {
    return this.#viewOf(await this.#poller.latest(), search);
  }

  /**
   * Sends the state once a second, until the viewer leaves or the application stops.
   * @returns false when it stops already
   */
  show(open: () => EventStream, search: string): boolean {
    if (this.#stopped) return false;
    const stream = open();
    this.#streams.add(stream);
    const leave = this.#poller.look((seen) => stream.send(this.#viewOf(seen, search)));
    stream.onClose(() => {
      leave();
      this.#streams.delete(stream);
    });
    return true;
  }

  /** @returns whether it was held. @throws BackendUnavailableError */
  async break(name: string, { reason, kind }: BreakOptions): Promise<boolean> {
    const broken = await this.source.break(name, { reason, kind });
    if (broken) this.activity.broken(name, reason);
    this.#poller.expire();
    return broken;
  }

  /** Ends every stream: they would keep the server from closing. */
  stop(): void {
    this.#stopped = true;
    this.activity.stop();
    for (const stream of this.#streams) stream.end();
  }

  #viewOf(seen: Seen, search: string): string {
    if (seen !== this.#seen) {
      this.#seen = seen;
      this.#views.clear();
    }
    const known = this.#views.get(search);
    if (known !== undefined) return known;
    const text = JSON.stringify(this.#newView(seen, search));
    this.#views.set(search, text);
    return text;
  }

  #newView(seen: Seen, search: string): View {
    const { agentId, prefix } = this.coordinator;
    const ttl = this.coordinator[LOCK_MANAGER]?.settings.ttl ?? USUAL_TTL;
    return viewOf(seen, { agentId, prefix, ttl, activity: this.activity }, search, systemClock.wall());
  }
}
