import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { addressOf } from './address.js';
import type { Finding } from './audit.js';
import { Client } from './client.js';
import { Fleet } from './fleet.js';
import { killRun } from './killed-run.js';
import type { Amount } from './load.js';
import type { Replica } from './replica.js';
import { table } from './report.js';
import { keepBusy } from './steady-load.js';
import { type Charges, chargeWhileStopping, clearLedger } from './stopped-writers.js';
import { say, status } from './terminal.js';
import { tryOut } from './trial.js';

export interface DemonstrationOptions {
  readonly amount: Amount;
  /** Of the locked replicas; undefined for files beside the data. */
  readonly backendUrl: string | undefined;
  /** Go on serving after the checks, until the end is asked for. */
  readonly serve: boolean;
  /** In place of the checks: a load that goes on until the end is asked for. */
  readonly stay: boolean;
}

/** The whole show: the load with locks, the load without, the comparison, and replicas to play with. */
export class Demonstration {
  readonly #directory = mkdtempSync(join(tmpdir(), 'share-service-'));
  readonly #fleets: Fleet[] = [];
  #held = true;

  constructor(
    private readonly options: DemonstrationOptions,
    private readonly ending: AbortSignal,
  ) {}

  /** @returns true when every check of the locked load held, and the replicas served to the end */
  async run(): Promise<boolean> {
    const { amount, serve, stay } = this.options;
    const clocks = stay ? '' : ', whose clocks are 2 s apart';
    say(`A share service in three replicas${clocks}. Its shares are plain files in ${this.#directory}`);
    say();
    const fleet = await this.#startLocked();
    if (stay) return this.#stay(fleet);
    const locked = await tryOut(fleet, amount, this.ending);
    say();
    const unlocked = await this.#withoutLocks();
    say();
    const runs = await this.#killRuns(fleet);
    say();
    const guarded = await this.#stopWriters(fleet);
    for (const line of table(locked, unlocked)) say(line);
    say();
    this.#held = locked.every(({ wrong }) => wrong === 0) && runs && guarded;
    say(
      this.#held
        ? 'PASSED: with locks nothing was lost, doubled or torn.'
        : `FAILED: see the column "locked". The files and logs are kept in ${this.#directory}`,
    );
    return this.#held && (!serve || (await this.#serve(fleet)));
  }

  /** Ends every replica, in bounded time, and takes the data away unless somebody has to look at it. */
  async end(): Promise<void> {
    await Promise.all(this.#fleets.map((fleet) => fleet.stop()));
    // Another process may use the locks, such as the command line, and write there meanwhile.
    if (this.#held) await rm(this.#directory, { recursive: true, force: true, maxRetries: 10 });
  }

  /** At once, without a chance for the replicas to give anything back. */
  kill(): void {
    for (const fleet of this.#fleets) fleet.kill();
  }

  async #startLocked(): Promise<Fleet> {
    const { backendUrl } = this.options;
    const locks = join(this.#directory, 'locks');
    say(`1. With locks, on ${backendUrl === undefined ? `file ${locks}` : addressOf(backendUrl)}`);
    const fleet = await this.#start('locked', {
      COORDINATION_BACKEND_URL: backendUrl ?? pathToFileURL(locks).href,
      // Each data directory has an exports file, and so a lock of that name.
      COORDINATION_PREFIX: process.env['COORDINATION_PREFIX'] ?? `${basename(this.#directory)}:`,
    });
    for (const replica of fleet.replicas) introduce(replica);
    say(`   who holds which lock, on a page of each replica: ${fleet.next().url}/coordination`);
    return fleet;
  }

  async #withoutLocks(): Promise<Finding[]> {
    say('2. The same load without: each replica locks in its own memory, unseen by the others (memory:)');
    const fleet = await this.#start('unlocked', {
      COORDINATION_BACKEND_URL: 'memory:',
      // With the tokens of three memories the storage would refuse much of what shows here.
      COORDINATION_FENCING: 'false',
    });
    const findings = await tryOut(fleet, this.options.amount, this.ending);
    await fleet.stop();
    return findings;
  }

  /** @returns whether each did what was asked for */
  async #killRuns(fleet: Fleet): Promise<boolean> {
    say('3. A replica with locks is killed in the middle of a job, and started again');
    let held = true;
    for (const onCrash of ['skip', 'rerun'] as const) {
      const run = await killRun(fleet, onCrash, this.ending);
      say(`   ${run.text} ${run.held ? '✓' : '✗'}`);
      introduce(run.restarted);
      held &&= run.held;
    }
    return held;
  }

  /** On PostgreSQL alone. @returns whether the guard lost nothing */
  async #stopWriters(fleet: Fleet): Promise<boolean> {
    const { backendUrl } = this.options;
    if (!/^postgres(ql)?:/.test(backendUrl ?? '')) return true;
    say('4. Replicas are stopped for half a second in the middle of transactions; their locks last 0.3 s');
    await clearLedger(backendUrl ?? '');
    const charges = await chargeWhileStopping(fleet, this.ending);
    const held = charges.lost === 0;
    say(`   with assertLockedIn: ${counted(charges)} ${held ? '✓' : '✗'}`);
    await clearLedger(backendUrl ?? '');
    const unguarded = await this.#start('unguarded', {
      COORDINATION_BACKEND_URL: backendUrl,
      COORDINATION_PREFIX: `${basename(this.#directory)}-unguarded:`,
      SAMPLE_GUARD: 'false',
    });
    say(`   without it:          ${counted(await chargeWhileStopping(unguarded, this.ending))}`);
    await unguarded.stop();
    say();
    return held;
  }

  async #start(name: string, env: NodeJS.ProcessEnv): Promise<Fleet> {
    status('   starting the replicas');
    const tell = (replica: Replica, how: string): void =>
      say(`   ${replica.name} ended (${how}); the others go on`);
    // Ages on the page are by the clocks of the replicas.
    const fleet = new Fleet(join(this.#directory, name), env, tell, this.options.stay ? [] : undefined);
    this.#fleets.push(fleet);
    const giveUp = (): void => fleet.kill();
    this.ending.addEventListener('abort', giveUp);
    await fleet.listening();
    this.ending.removeEventListener('abort', giveUp);
    return fleet;
  }

  /** @throws an Error when the last replica has died meanwhile */
  async #stay(fleet: Fleet): Promise<true> {
    say();
    say('The load goes on until Ctrl-C; npm start without --stay checks what locks are good for.');
    try {
      await keepBusy(new Client(fleet, this.ending), this.ending);
    } catch (error) {
      if (!this.ending.aborted) throw error;
    }
    say();
    say('Stopping the replicas');
    return true;
  }

  /** @returns false when the last replica has died meanwhile */
  async #serve(fleet: Fleet): Promise<boolean> {
    const { url } = fleet.next();
    const json = `-H 'content-type: application/json'`;
    say();
    say('The replicas with locks go on serving until Ctrl-C. Try, on any of them:');
    say(`   curl ${url}/shares`);
    say(`   curl ${url}/shares ${json} -d '{"size": 5}'`);
    say(`   curl ${url}/shares/<id>/extend ${json} -d '{"by": 2}'`);
    if (!this.ending.aborted) await Promise.race([once(this.ending, 'abort'), fleet.gone()]);
    say();
    say(this.ending.aborted ? 'Stopping the replicas' : 'No replica is left, so there is nothing to serve');
    return this.ending.aborted;
  }
}

function introduce({ name, url, pid }: Replica): void {
  say(`   ${name}  ${url}  (pid ${pid})`);
}

function counted({ committed, lost, refused }: Charges): string {
  return `${committed} charges were committed, and ${lost} of them are lost; ${refused} were refused`;
}
