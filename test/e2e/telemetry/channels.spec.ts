import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinationModule, CoordinatorService, Limited, RunOnce, Synchronized } from 'nestjs-coordination';
import { CoordinatorEmitter } from '../../../lib/common/coordinator.emitter.js';
import { EVENT_NAMES } from '../../../lib/common/coordinator.events.js';
import { boot } from '../../support/boot.js';

type Message = Record<string, unknown>;

const messages: Message[] = [];
const hear = (message: unknown): void => void messages.push(message as Message);
const channels = EVENT_NAMES.map((name) => `nestjs-coordination:${name.replace('.', '-')}`);
const typesOf = (): unknown[] => messages.map(({ type }) => type);

let inside: (() => Promise<void>) | undefined;

@Injectable()
class Shares {
  @Synchronized('<fName>-<id>', { blocking: 250 })
  async extend(id: string): Promise<void> {
    await inside?.();
    return void id;
  }

  @Limited('export-<id>', 2, { blocking: 20 })
  async export(id: string): Promise<void> {
    await inside?.();
    return void id;
  }

  @RunOnce('nightly')
  async nightly(): Promise<void> {
    await inside?.();
  }
}

let app: Awaited<ReturnType<typeof boot>>;
let shares: Shares;
let coordinator: CoordinatorService;

beforeEach(async () => {
  inside = undefined;
  messages.length = 0;
  for (const channel of channels) subscribe(channel, hear);
  app = await boot([CoordinationModule.forRoot({ backendUrl: 'memory:', agentId: 'a1' })], [Shares]);
  shares = app.get(Shares);
  coordinator = app.get(CoordinatorService);
  messages.length = 0;
});

afterEach(async () => {
  for (const channel of channels) unsubscribe(channel, hear);
  await app.close();
});

const by = { function: 'Shares.extend', template: '<fName>-<id>', lock: 'extend-7', memberId: 'a1' };

describe('the channels', () => {
  it('tell of a lease, with method and template, and of one lease by one object', async () => {
    await shares.extend('7');
    const at = expect.any(Number);
    const lease = expect.any(Object);
    expect(messages).toEqual([
      { type: 'lease-acquired', ...by, at, lease, waited: expect.any(Number) },
      { type: 'lease-released', ...by, at, lease, held: expect.any(Number) },
    ]);
    expect(messages[0]?.['lease']).toBe(messages[1]?.['lease']);
  });

  it('tell that a call waits, and that it was refused and why', async () => {
    inside = () => expect(shares.extend('7')).rejects.toThrow('did not get it');
    await shares.extend('7');
    expect(typesOf()).toEqual(['lease-acquired', 'lease-waiting', 'lease-refused', 'lease-released']);
    expect(messages[2]).toMatchObject({ ...by, reason: 'taken', waited: expect.any(Number) });
    expect(messages[2]?.['waited']).toBeGreaterThanOrEqual(19);
  });

  it('tell that a caller gave up, and that a coordinator stops', async () => {
    await using held = await coordinator.getLock('a').hold();
    expect(held.name).toBe('a');
    const left = new Error('the client left');
    await expect(coordinator.getLock('a').hold({ signal: AbortSignal.abort(left) })).rejects.toThrow(left);
    expect(messages.at(-1)).toMatchObject({ type: 'lease-refused', reason: 'cancelled', error: left });
    const waiting = coordinator.getLock('a').hold();
    await expect.poll(() => typesOf().at(-1)).toBe('lease-waiting');
    const refused = expect(waiting).rejects.toThrow('shutting down');
    await app.close();
    await refused;
    expect(messages.find(({ reason }) => reason === 'stopping')).toMatchObject({ lock: 'a' });
  });

  it('tell of a loss, with its reason and how long it was held', async () => {
    inside = async () => void (await coordinator.getLock('extend-7').break());
    await expect(shares.extend('7')).rejects.toThrow('lost its lease');
    expect(typesOf()).toEqual(['lease-acquired', 'lease-lost']);
    expect(messages[1]).toMatchObject({ ...by, reason: 'broken', held: expect.any(Number) });
  });

  it('tell of one that is handed on to the next call of the process', async () => {
    let next: Promise<void> | undefined;
    inside = async () => {
      inside = undefined;
      next = shares.extend('7');
      await expect.poll(() => typesOf().includes('lease-waiting'), { interval: 1 }).toBe(true);
    };
    await shares.extend('7');
    await next;
    expect(typesOf()).toEqual([
      'lease-acquired',
      'lease-waiting',
      'lease-handed-on',
      'lease-released',
      'lease-acquired',
      'lease-released',
    ]);
  });

  it('tell of a call for a permit once, whatever locks it asks for', async () => {
    const told = (): unknown[] => messages.filter(({ part }) => !part).map(({ type }) => type);
    inside = async () => {
      inside = () => expect(shares.export('7')).rejects.toThrow('all of its 2 permits are taken');
      await shares.export('7');
    };
    await shares.export('7');
    expect(told()).toEqual([
      'lease-acquired',
      'lease-acquired',
      'lease-waiting',
      'lease-refused',
      'lease-released',
      'lease-released',
    ]);
    const refused = messages.find(({ type }) => type === 'lease-refused');
    expect(refused).toMatchObject({ lock: 'export-7', template: 'export-<id>', reason: 'taken' });
    expect(refused?.['waited']).toBeGreaterThanOrEqual(19);
  });

  it('tell of several locks that were not to be had once', async () => {
    await using held = await coordinator.getLock('b').hold();
    expect(held.name).toBe('b');
    const several = coordinator.getLock(['a', 'b']);
    expect(await several.acquire({ blocking: 20 })).toBe(false);
    const refused = messages.filter(({ type }) => type === 'lease-refused');
    expect(refused).toEqual([expect.objectContaining({ lock: 'b', reason: 'taken' })]);
  });

  it('tell of jobs', async () => {
    await shares.nightly();
    expect(messages).toMatchObject([
      { type: 'lease-acquired', function: 'Shares.nightly', template: 'job:nightly' },
      { type: 'lease-released', function: 'Shares.nightly', template: 'job:nightly' },
    ]);
  });

  it('tell who leads', async () => {
    const leadership = await coordinator.getElection('quota').campaign();
    expect(messages.find(({ type }) => type === 'leader-elected')).toMatchObject({
      election: 'quota',
      term: leadership.term,
      memberId: 'a1',
    });
    await leadership.resign();
    expect(messages.find(({ type }) => type === 'leader-demoted')).toMatchObject({
      election: 'quota',
      reason: 'resigned',
    });
  });

  it('tell which coordinator it is, where it has a name', async () => {
    const named = new CoordinatorService({ backendUrl: 'memory:named' }, 'reports');
    await named.start();
    await named.using('a', () => undefined);
    await named.stop();
    expect(messages.find(({ type }) => type === 'lease-acquired')).toMatchObject({ coordinator: 'reports' });
  });
});

it('a message has its type and its lease, and the event of a listener beside it has neither', () => {
  const emitter = new CoordinatorEmitter(() => undefined, 'reports');
  const told: unknown[] = [];
  emitter.on('lease.waiting', (event) => told.push(event));
  const event = () => ({ lock: 'a', memberId: 'm', at: 0 });
  const lease = {};
  messages.length = 0;
  emitter.emit('lease.waiting', event, lease);
  emitter.announce('lease.waiting', event, lease);
  const message = { type: 'lease-waiting', lock: 'a', memberId: 'm', at: 0, coordinator: 'reports', lease };
  expect(messages).toStrictEqual([message, message]);
  expect(told).toStrictEqual([event(), event()]);
});

it('nothing is made of an event when nobody listens', () => {
  for (const channel of channels) unsubscribe(channel, hear);
  const emitter = new CoordinatorEmitter(() => undefined);
  let made = 0;
  const event = () => {
    made += 1;
    return { lock: 'a', memberId: 'm', at: 0 };
  };
  emitter.emit('lease.waiting', event);
  emitter.announce('lease.waiting', event);
  expect(made).toBe(0);
  subscribe('nestjs-coordination:lease-waiting', hear);
  emitter.emit('lease.waiting', event);
  emitter.announce('lease.waiting', event);
  expect(made).toBe(2);
  expect(messages).toEqual([1, 2].map(() => ({ type: 'lease-waiting', lock: 'a', memberId: 'm', at: 0 })));
});
