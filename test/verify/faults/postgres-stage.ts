import type { Leftover } from '../checker/leftovers.js';
import type { ClockShims, ShimmedClock } from '../../support/clock-shim.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { type LinkedNodes, linkFaults } from './link-faults.js';
import type { Action, Actions } from './scene.js';
import type { Stage } from './stage.js';

/** Clocks may differ in rate by 1 %. In parts per million. */
const MOST_PPM = 5000;

export interface PostgresStageTerms {
  readonly workers: number;
  /** The longest lease, ms. */
  readonly maxTtl: number;
  readonly clocks?: ClockShims;
}

/** One PostgreSQL server, with a proxy between it and each worker. */
export class PostgresStage implements Stage, LinkedNodes {
  readonly nodes = 1;
  readonly maxTtl: number;
  readonly voting: LinkedNodes['voting'];
  readonly actions: Actions;
  readonly #server: PostgresServer;
  readonly #clock: ShimmedClock | undefined;
  /** A fault that two of cannot happen at once is under way. */
  #busy = false;

  private constructor(
    server: PostgresServer,
    links: readonly TcpProxy[],
    clock: ShimmedClock | undefined,
    maxTtl: number,
  ) {
    this.#server = server;
    this.#clock = clock;
    this.maxTtl = maxTtl;
    this.voting = [{ links }];
    this.actions = { ...this.#faults(), ...linkFaults(this) };
  }

  static async start({ workers, maxTtl, clocks }: PostgresStageTerms): Promise<PostgresStage> {
    const clock = await clocks?.create();
    const server = await PostgresServer.start({ env: clock?.env });
    const links = await Promise.all(Array.from({ length: workers }, () => TcpProxy.start(server.port)));
    return new PostgresStage(server, links, clock, maxTtl);
  }

  urlOf(place: number): string {
    return `postgres://postgres@127.0.0.1:${this.voting[0]?.links[place]?.port}/postgres`;
  }

  heal(): Promise<void> {
    for (const { links } of this.voting) for (const link of links) link.heal();
    return Promise.resolve();
  }

  /** To set a clock right that ran fast or slow is a step. */
  settle(): void {
    this.#clock?.set(0);
  }

  /** The row of a lock stays for a day. */
  async leftovers(): Promise<Leftover[]> {
    if (!(await this.#hasTables())) return [];
    const rows = await this.#server.query(
      `SELECT 'lease' AS what, name, expires_at AS until FROM nest_coordination.lease WHERE holder IS NOT NULL
       UNION ALL SELECT 'waiter', name, alive_until FROM nest_coordination.waiter
       UNION ALL SELECT 'record', space || ' ' || key, expires_at FROM nest_coordination.record`,
    );
    return rows.map(({ what, name, until }) => ({
      what: String(what),
      name: String(name),
      ttl: (until as Date).getTime() - Date.now(),
    }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.voting.flatMap(({ links }) => links).map((link) => link.stop()));
    await this.#server.stop();
  }

  /** On a busy machine no worker may have made them yet, even by the end of a run. */
  async #hasTables(): Promise<boolean> {
    const [row] = await this.#server.query(
      `SELECT to_regclass('nest_coordination.record') IS NOT NULL AS made`,
    );
    return row?.['made'] === true;
  }

  #faults(): Actions {
    const server = this.#server;
    const alone =
      (work: (...args: Parameters<Action>) => Promise<void>): Action =>
      async (step, scene) => {
        if (this.#busy) return undefined;
        this.#busy = true;
        try {
          await work(step, scene);
        } finally {
          this.#busy = false;
        }
        return 'the server';
      };
    return {
      // What it has acknowledged is there afterwards.
      'crash server': alone(async ({ lasts }, scene) => {
        await server.kill();
        await scene.pause(lasts);
        await server.restart();
      }),

      'stop server': alone(async ({ lasts }, scene) => {
        server.pause();
        await scene.pause(lasts);
        server.resume();
      }),

      'end sessions': alone(async () => {
        await server.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nestjs-coordination'`,
        );
      }),

      'lock rows': alone(async ({ lasts, lock }, scene) => {
        const client = await server.client();
        try {
          if (!(await this.#hasTables())) return;
          await client.query('BEGIN');
          await client.query('SELECT FROM nest_coordination.lease WHERE name = $1 FOR UPDATE', [
            scene.locks[lock],
          ]);
          await scene.pause(lasts);
          await client.query('COMMIT');
        } finally {
          await client.end();
        }
      }),

      'step clock of server': alone(async ({ clockStep, lasts }, scene) => {
        this.#clock?.set(clockStep);
        await scene.pause(lasts);
        this.#clock?.set(0);
      }),

      'clock of server runs fast or slow': alone(async ({ chance, lasts }, scene) => {
        this.#clock?.run(Math.round((2 * chance - 1) * MOST_PPM));
        await scene.pause(lasts);
        this.#clock?.run(0);
      }),
    };
  }
}
