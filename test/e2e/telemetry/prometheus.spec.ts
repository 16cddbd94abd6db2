import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinationModule, CoordinatorService, InvalidOptionsError } from 'nestjs-coordination';
import { CoordinationTelemetryModule, registerMetrics } from 'nestjs-coordination/telemetry';
import { boot } from '../../support/boot.js';
import { body, Shares } from './fixtures.js';

let app: Awaited<ReturnType<typeof boot>>;
let registry: Registry;
let shares: Shares;
let coordinator: CoordinatorService;

/** The value of a series in the text that a scrape gets; undefined when it is not in it. */
async function valueOf(name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  for (const line of (await registry.metrics()).split('\n')) {
    const [, itsName, itsLabels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (itsName === name && wanted.every((label) => itsLabels.split(/,(?=\w+=)/).includes(label)))
      return Number(value);
  }
  return undefined;
}

const seriesOf = async (): Promise<number> =>
  (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;

const EXTEND = { lock: '<fName>-<id>', function: 'Shares.extend' };

beforeEach(async () => {
  body.run = async () => undefined;
  registry = new Registry();
  const telemetry = CoordinationTelemetryModule.forRoot({ prometheus: registry, names: ['allowed'] });
  app = await boot([CoordinationModule.forRoot({ backendUrl: 'memory:' }), telemetry], [Shares]);
  shares = app.get(Shares);
  coordinator = app.get(CoordinatorService);
});

afterEach(() => app.close());

describe('the metrics of prom-client', () => {
  it('are 0 for every decorated method, job and election before their first event', async () => {
    expect(await valueOf('coordination_lock_wait_seconds_count', EXTEND)).toBe(0);
    expect(await valueOf('coordination_lock_hold_seconds_count', EXTEND)).toBe(0);
    expect(await valueOf('coordination_lock_contended_total', EXTEND)).toBe(0);
    for (const reason of ['taken', 'backend'])
      expect(await valueOf('coordination_lock_refused_total', { ...EXTEND, reason })).toBe(0);
    for (const reason of ['expired', 'quorum-lost'])
      expect(await valueOf('coordination_lock_lost_total', { ...EXTEND, reason })).toBe(0);
    expect(await valueOf('coordination_job_runs_total', { job: 'nightly', outcome: 'lost' })).toBe(0);
    expect(await valueOf('coordination_lock_wait_seconds_count', { lock: 'allowed' })).toBe(0);
    expect(await valueOf('coordination_backend_up', { coordinator: 'default' })).toBe(1);
  });

  it('count what waits, is held, is refused and is lost', async () => {
    body.run = () => expect(shares.extend('7')).rejects.toThrow('did not get it');
    await shares.extend('7');
    body.run = () => coordinator.getLock('extend-7').break();
    await expect(shares.extend('7')).rejects.toThrow('lost its lease');
    expect(await valueOf('coordination_lock_wait_seconds_count', EXTEND)).toBe(2);
    expect(await valueOf('coordination_lock_hold_seconds_count', EXTEND)).toBe(2);
    expect(await valueOf('coordination_lock_hold_seconds_sum', EXTEND)).toBeGreaterThan(0.019);
    expect(await valueOf('coordination_lock_contended_total', EXTEND)).toBe(1);
    expect(await valueOf('coordination_lock_refused_total', { ...EXTEND, reason: 'taken' })).toBe(1);
    expect(await valueOf('coordination_lock_lost_total', { ...EXTEND, reason: 'broken' })).toBe(1);
  });

  it('count a call for a permit once', async () => {
    const labels = { lock: 'export-<id>', function: 'Shares.export' };
    body.run = () => expect(shares.export('7')).rejects.toThrow('permit');
    await shares.export('7');
    expect(await valueOf('coordination_lock_wait_seconds_count', labels)).toBe(1);
    expect(await valueOf('coordination_lock_hold_seconds_count', labels)).toBe(1);
    expect(await valueOf('coordination_lock_contended_total', labels)).toBe(1);
    expect(await valueOf('coordination_lock_refused_total', { ...labels, reason: 'taken' })).toBe(1);
  });

  it('tell jobs by outcome, and who leads', async () => {
    const runs = { job: 'nightly', outcome: 'succeeded' };
    await expect.poll(() => valueOf('coordination_job_runs_total', runs)).toBeGreaterThan(0);
    expect(await valueOf('coordination_job_duration_seconds_count', { job: 'nightly' })).toBeGreaterThan(0);
    await expect.poll(() => valueOf('coordination_leader', { election: 'quota' })).toBe(1);
    await coordinator.getElection('quota').resign();
    await expect.poll(() => valueOf('coordination_leader', { election: 'quota' })).toBe(0);
  });

  it('have no more series after 1000 names than before', async () => {
    await shares.extend('0');
    await shares.named('0');
    await coordinator.using('0', () => undefined);
    const before = await seriesOf();
    for (let index = 1; index <= 1000; index += 1) {
      await shares.extend(String(index));
      await shares.named(String(index));
      await coordinator.using(`own-${index}`, () => undefined);
    }
    expect(await seriesOf()).toBe(before);
    expect(await valueOf('coordination_lock_wait_seconds_count', EXTEND)).toBe(1001);
    const named = { lock: 'other', function: 'Shares.named' };
    expect(await valueOf('coordination_lock_wait_seconds_count', named)).toBe(1001);
    const others = { lock: 'other', function: '' };
    expect(await valueOf('coordination_lock_wait_seconds_count', others)).toBeGreaterThanOrEqual(1001);
    expect(await registry.metrics()).not.toContain('own-1');
  });

  it('have an allowed name as a label', async () => {
    await coordinator.using('allowed', () => undefined);
    expect(await valueOf('coordination_lock_wait_seconds_count', { lock: 'allowed' })).toBe(1);
  });

  it('know every coordinator of the process', async () => {
    const reports = new CoordinatorService({ backendUrl: 'memory:reports' }, 'reports');
    await reports.start();
    expect(await valueOf('coordination_backend_up', { coordinator: 'reports' })).toBe(1);
    await reports.using('allowed', () => undefined);
    expect(await valueOf('coordination_lock_wait_seconds_count', { lock: 'allowed' })).toBe(1);
    await reports.stop();
    expect(await valueOf('coordination_backend_up', { coordinator: 'reports' })).toBeUndefined();
  });

  it('are registered once, and go with the last one who asked for them', async () => {
    const stop = await registerMetrics(registry);
    await coordinator.using('allowed', () => undefined);
    expect(await valueOf('coordination_lock_wait_seconds_count', { lock: 'allowed' })).toBe(1);
    await app.close();
    expect(await registry.metrics()).toContain('coordination_lock_wait_seconds');
    stop();
    stop();
    expect(await registry.metrics()).toBe('\n');
  });
});

it('a module that would tell nobody is refused', () => {
  expect(() => CoordinationTelemetryModule.forRoot({})).toThrow(InvalidOptionsError);
});
