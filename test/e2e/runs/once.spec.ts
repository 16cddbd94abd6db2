import { Injectable, type OnModuleInit } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService, currentLease, InvalidOptionsError, OnceFailedError } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { BACKENDS, cleanUp } from '../replicas/backends.js';
import { Gate } from '../synchronized/fixtures/gate.js';
import { ownSpace, startApp } from '../synchronized/fixtures/test-app.js';

let members: CoordinatorService[] = [];
let log: RecordedLog;

beforeEach(() => {
  members = [];
  log = RecordedLog.install();
});

afterEach(async () => {
  await Promise.all(members.map((member) => member.stop()));
  await cleanUp();
});

async function member(backendUrl: string, agentId: string): Promise<CoordinatorService> {
  const options = { backendUrl: backendUrl.split(','), agentId, redis: { persistent: true, maxTtl: 10_000 } };
  const coordinator = new CoordinatorService(
    backendUrl.startsWith('redis') ? options : { backendUrl, agentId },
  );
  await coordinator.start();
  members.push(coordinator);
  return coordinator;
}

const ALL = { 'a memory back end': async () => ownSpace(), ...BACKENDS };

describe.each(Object.entries(ALL))('once on %s', (_name, start) => {
  it('does it once over all replicas, while the others wait; and again after forget', async () => {
    const url = await start();
    const [a, b, c] = [await member(url, 'a'), await member(url, 'b'), await member(url, 'c')];
    const done: string[] = [];
    const gate = new Gate();
    const body = (who: string) => async () => {
      done.push(who);
      await gate.pass();
    };
    const calls = [a, b, c].map((coordinator) => coordinator.once('seed', body(coordinator.agentId)));
    await gate.reached;
    expect(await c.once('seed', body('hurried'), { wait: false })).toBe(false);
    gate.open();
    expect((await Promise.all(calls)).filter((ran) => ran)).toHaveLength(1);
    expect(await b.once('seed', body('late'))).toBe(false);
    expect(done).toHaveLength(1);
    expect(await b.forget('seed')).toBe(true);
    expect(await b.forget('seed')).toBe(false);
    expect(await a.once('seed', body('again'))).toBe(true);
  });

  it('lets the next one try when it fails, and gives up after some attempts until it is forgotten', async () => {
    const url = await start();
    const [a, b] = [await member(url, 'a'), await member(url, 'b')];
    const fails = async (): Promise<never> => {
      throw new Error('no such table');
    };
    await expect(a.once('migrate', fails, { attempts: 2 })).rejects.toThrow('no such table');
    await expect(b.once('migrate', fails, { attempts: 2 })).rejects.toThrow('no such table');
    const late = a.once('migrate', async () => undefined, { attempts: 2 });
    await expect(late).rejects.toThrow(OnceFailedError);
    await expect(late).rejects.toThrow(
      /failed 2 times, at last on member b: no such table.*forget\("migrate"\)/,
    );
    await a.forget('migrate');
    expect(await a.once('migrate', async () => undefined, { attempts: 2 })).toBe(true);
  });
});

describe('once', () => {
  it('hands a failure to the caller whose body it was, and the next waiter does it', async () => {
    const url = ownSpace();
    const [a, b] = [await member(url, 'a'), await member(url, 'b')];
    const gate = new Gate();
    const failing = a.once('seed', async () => {
      await gate.pass();
      throw new Error('no');
    });
    await gate.reached;
    const waiting = b.once('seed', async () => undefined);
    gate.open();
    await expect(failing).rejects.toThrow('no');
    expect(await waiting).toBe(true);
  });

  it('is done by the next waiter when the replica that was at it stops in the middle', async () => {
    const url = ownSpace();
    const [a, b] = [await member(url, 'a'), await member(url, 'b')];
    const gate = new Gate();
    const cut = a.once('seed', () => gate.pass());
    await gate.reached;
    const waiting = b.once('seed', async () => undefined);
    await a.getLock('once:seed').break();
    expect(await waiting).toBe(true);
    gate.open();
    await expect(cut).rejects.toThrow('lost its lease');
    // What the first one tells afterwards changes nothing.
    expect(await b.once('seed', async () => undefined)).toBe(false);
  });

  it('runs under a lease', async () => {
    const a = await member(ownSpace(), 'a');
    await a.once('seed', (lease) => {
      expect(lease.name).toBe('once:seed');
      expect(currentLease()).toBe(lease);
    });
  });

  it('forgets by itself after the ttl that is asked for', async () => {
    const a = await member(ownSpace(), 'a');
    await a.once('seed', () => undefined, { ttl: 50 });
    await eventually(() => a.once('seed', () => undefined, { ttl: '1h' }));
    expect(await a.once('seed', () => undefined)).toBe(false);
  });

  it('can be awaited in onModuleInit of any module', async () => {
    const space = ownSpace();
    let seeded = 0;
    @Injectable()
    class Seeds implements OnModuleInit {
      constructor(private readonly coordinator: CoordinatorService) {}

      async onModuleInit(): Promise<void> {
        await this.coordinator.once('seed', async () => {
          seeded += 1;
        });
      }
    }
    for (let replica = 0; replica < 3; replica += 1)
      await startApp({ providers: [Seeds], coordination: { backendUrl: space } });
    expect(seeded).toBe(1);
  });

  it('refuses what it cannot work with, naming each mistake', async () => {
    const a = await member(ownSpace(), 'a');
    const wrong = a.once(
      '',
      'body' as never,
      { attempts: 0, wait: 1 as never, ttl: 'soon', more: 1 } as never,
    );
    await expect(wrong).rejects.toThrow(InvalidOptionsError);
    await expect(wrong).rejects.toThrow(
      /name must be.*body must be.*"?more.*wait must be.*attempts must be.*ttl must be/s,
    );
    expect(log.of('error')).toEqual([]);
  });
});
