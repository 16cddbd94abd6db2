import assert from 'node:assert/strict';
import { BackendUnavailableError } from '../../errors.js';
import { fencedRequest, freshName, granted, request, take, tryAcquire } from '../driver-calls.js';
import { defineCases } from '../suite-case.js';

/** How long a call that cannot succeed any more may take, ms. */
const BOUND = 15_000;

/** The life of a driver: its start, its stop, and calls after the stop. */
export const lifeCases = defineCases('mandatory', {
  'describes itself for the log, in one line': async ({ a }) => {
    assert.match(a.description, /^\S.*$/);
  },

  'has the traits that the suite was told of': async ({ a, options }) => {
    const { lifetime, modes, renewBatch } = a.traits;
    assert.ok(modes.includes('exclusive'), 'traits.modes must have "exclusive"');
    assert.ok(renewBatch >= 1, 'traits.renewBatch must be at least 1');
    const shared = modes.includes('shared');
    assert.equal(a.locks.downgrade !== undefined, shared, 'downgrade is there where modes has "shared"');
    const found = [
      lifetime,
      ...(a.queue ? ['queue'] : []),
      ...(a.locks.watch ? ['watch'] : []),
      ...(shared ? ['shared'] : []),
    ];
    assert.deepEqual(found.toSorted(), [...options.traits].sort());
  },

  'reports the back end as up once it is started': async ({ contextOfA }) => {
    assert.deepEqual(
      contextOfA.changes.map(({ state }) => state),
      ['up'],
    );
  },

  'stops twice without complaint': async ({ a }) => {
    await a.stop();
    await a.stop();
  },

  'stops while it starts, and then the start is over too': async ({ create }) => {
    const driver = await create();
    // The driver decides whether it had started before it was stopped.
    const starting = driver.start().catch((error: unknown) => error);
    await driver.stop();
    await starting;
  },

  'keeps what it holds from others when it stops': async ({ a, b }) => {
    const lock = freshName();
    granted(await tryAcquire(a, request(lock)));
    await a.stop();
    assert.equal((await tryAcquire(b, request(lock))).granted, false);
  },

  'answers in bounded time after its stop, and rejects with nothing but BackendUnavailableError': async ({
    a,
    b,
  }) => {
    const [held, free] = [freshName(), freshName()];
    const grant = granted(await tryAcquire(a, request(held)));
    const [holder] = await b.locks.holders(held);
    assert.ok(holder);
    await a.stop();
    const record = { space: 'suite', key: free, version: 1, value: '' };
    const calls: Record<string, () => Promise<unknown>> = {
      acquire: () => tryAcquire(a, request(free)),
      release: () => a.locks.release(grant),
      holders: () => a.locks.holders(held),
      revoke: () => a.locks.revoke(holder),
      list: () => a.locks.list(),
      put: () => a.records.put(record, 1000),
      get: () => a.records.get('suite', free),
      remove: () => a.records.remove('suite', free, 1),
      'list of records': () => a.records.list('suite'),
    };
    for (const [name, call] of Object.entries(calls)) {
      const began = performance.now();
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(performance.now() - began < BOUND, `${name} must settle within ${BOUND} ms`);
      const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      assert.ok(
        error === undefined || error instanceof BackendUnavailableError,
        `${name} rejects with ${message}`,
      );
    }
  },

  'finds the back end as another driver has left it': async ({ a, member }) => {
    const lock = freshName();
    const grant = await take(a, fencedRequest(lock));
    await a.locks.release(grant);
    await a.stop();
    const next = await member();
    await next.locks.release(await take(next, request(lock)));
  },
});
