import {
  type CallHandler,
  Controller,
  Get,
  Injectable,
  type NestInterceptor,
  Param,
  UseInterceptors,
} from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { catchError, concatMap, defer, firstValueFrom, type Observable } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService, currentLease, Synchronized } from 'nestjs-coordination';
import { freePort } from '../../support/redis-ports.js';
import { Gate } from './fixtures/gate.js';
import { afterTest, PLATFORMS, someoneWaits, startApp } from './fixtures/test-app.js';

const journal: string[] = [];
let atCommit = new Gate();
let inBody = new Gate();
beforeEach(() => {
  journal.length = 0;
  [atCommit, inBody] = [new Gate(), new Gate()];
  atCommit.open();
  inBody.open();
});

/** Whether somebody holds the lock, as another replica would see it. */
@Injectable()
class Watcher {
  constructor(private readonly coordinator: CoordinatorService) {}

  async note(when: string, name = 'share-1'): Promise<void> {
    const free = await this.coordinator.getLock(name).acquire(false);
    if (free) await this.coordinator.getLock(name).break();
    journal.push(`${when}: ${free ? 'free' : 'held'}`);
  }
}

@Injectable()
class Transaction implements NestInterceptor {
  constructor(private readonly watcher: Watcher) {}

  intercept(...[, next]: [unknown, CallHandler]): Observable<unknown> {
    const commit = async (how: string): Promise<void> => {
      await atCommit.pass();
      await this.watcher.note(`${how} under ${currentLease()?.name}`);
    };
    return defer(() => next.handle()).pipe(
      concatMap((value: unknown) => commit('COMMIT').then(() => value)),
      catchError((error: unknown) =>
        commit('ROLLBACK').then(() => {
          throw error;
        }),
      ),
    );
  }
}

@Injectable()
class ShareService {
  @Synchronized('share-<id>', { until: 'request' })
  async extend(id: string): Promise<string | undefined> {
    await inBody.pass();
    if (id === 'broken') throw new Error('the disk is full');
    return currentLease()?.name;
  }

  /** Locks the same in the same request. */
  @Synchronized('share-<id>', { until: 'request' })
  async shrink(id: string): Promise<void> {
    await Promise.resolve();
  }

  @Synchronized(['share-<id>', 'quota-<id>'], { until: 'request', blocking: false })
  async bill(id: string): Promise<string | undefined> {
    await Promise.resolve();
    return currentLease()?.name;
  }

  /** As usual. */
  @Synchronized('share-<id>', { blocking: false })
  async look(id: string): Promise<void> {
    await Promise.resolve();
  }
}

@Controller()
@UseInterceptors(Transaction)
class ShareController {
  constructor(
    private readonly shares: ShareService,
    private readonly watcher: Watcher,
    private readonly coordinator: CoordinatorService,
  ) {}

  @Get('extend/:id')
  async extend(@Param('id') id: string): Promise<object> {
    const inside = await this.shares.extend(id);
    await this.watcher.note('after the body');
    return { inside, after: currentLease()?.name };
  }

  @Get('twice/:id')
  @Synchronized('twice-<id>')
  async twice(@Param('id') id: string): Promise<object> {
    await this.shares.extend(id);
    await Promise.all([this.shares.shrink(id), this.shares.shrink(id)]);
    return { inside: await this.shares.bill(id) };
  }

  @Get('mixed/:id')
  async mixed(@Param('id') id: string): Promise<void> {
    await this.shares.extend(id);
    await this.shares.look(id);
  }

  @Get('lost/:id')
  async lost(@Param('id') id: string): Promise<void> {
    await this.shares.extend(id);
    await this.coordinator.getLock(`share-${id}`).break();
  }

  @Get('unawaited/:id')
  async unawaited(@Param('id') id: string): Promise<object> {
    void this.shares.extend(id);
    await inBody.reached;
    return {};
  }

  @MessagePattern('extend')
  extendByMessage(@Payload() id: string): Promise<object> {
    return this.extend(id);
  }
}

const PARTS = { controllers: [ShareController], providers: [ShareService, Watcher, Transaction] };

describe.each(PLATFORMS)("until: 'request' on %s", (platform) => {
  const start = () => startApp({ ...PARTS, platform });
  const get = async (url: string): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(url);
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined };
  };

  it('keeps the lock of a service until the transaction around its caller has been committed', async () => {
    const { app, url } = await start();
    const { body } = await get(`${url}/extend/1`);
    expect(body).toEqual({ inside: 'share-1', after: 'share-1' });
    expect(journal).toEqual(['after the body: held', 'COMMIT under share-1: held']);
    await app.get(Watcher).note('answered');
    expect(journal.at(-1)).toBe('answered: free');
  });

  it('keeps it until a transaction was rolled back', async () => {
    const { app, url } = await start();
    const watcher = app.get(Watcher);
    atCommit = new Gate();
    const answer = get(`${url}/extend/broken`);
    await atCommit.reached;
    await watcher.note('before', 'share-broken');
    atCommit.open();
    expect((await answer).status).toBe(500);
    await watcher.note('answered', 'share-broken');
    expect(journal).toContain('before: held');
    expect(journal.at(-1)).toBe('answered: free');
  });

  it('lets the other calls of the request in that lock the same, or more', async () => {
    const { app, url } = await start();
    expect(await get(`${url}/twice/1`)).toEqual({ status: 200, body: { inside: 'share-1 + quota-1' } });
    for (const name of ['share-1', 'quota-1', 'twice-1']) await app.get(Watcher).note('answered', name);
    expect(journal.slice(-3)).toEqual(Array(3).fill('answered: free'));
  });

  it('keeps two requests apart', async () => {
    const { url, coordinator } = await start();
    atCommit = new Gate();
    const first = get(`${url}/extend/1`);
    await atCommit.reached;
    const waits = someoneWaits(coordinator);
    const second = get(`${url}/extend/1`);
    await waits;
    atCommit.open();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
  });

  it('names both functions where another one of the request wants the lock as usual', async () => {
    const { url, log } = await start();
    expect((await get(`${url}/mixed/1`)).status).toBe(423);
    expect(log.of('warn')).toContainEqual(
      expect.stringContaining(
        'ShareService.look tries a lock that ShareService.extend, from which it was called',
      ),
    );
  });

  it('fails the request whose lock was lost', async () => {
    const { url } = await start();
    expect((await get(`${url}/lost/1`)).status).toBe(409);
  });

  it('never gives the lock back under a body that still runs', async () => {
    const { app, url, coordinator } = await start();
    inBody = new Gate();
    expect((await get(`${url}/unawaited/1`)).status).toBe(200);
    await app.get(Watcher).note('answered');
    expect(journal.at(-1)).toBe('answered: held');
    const next = coordinator.using('share-1', () => 'ran');
    inBody.open();
    expect(await next).toBe('ran');
  });

  it('gives the lock back when its client has left', async () => {
    const { url, coordinator } = await start();
    atCommit = new Gate();
    const leaving = new AbortController();
    const answer = fetch(`${url}/extend/1`, { signal: leaving.signal });
    await atCommit.reached;
    leaving.abort();
    await expect(answer).rejects.toThrow();
    atCommit.open();
    expect(await coordinator.using('share-1', { blocking: 5000 }, () => 'ran')).toBe('ran');
  });

  it('outside of a request holds the lock as long as the call', async () => {
    const { app } = await start();
    expect(await app.get(ShareService).extend('1')).toBe('share-1');
    await app.get(Watcher).note('afterwards');
    expect(journal.at(-1)).toBe('afterwards: free');
  });
});

describe("until: 'request'", () => {
  it('keeps the lock for the handler of a message', async () => {
    const options = { host: '127.0.0.1', port: await freePort() };
    const { app } = await startApp({
      ...PARTS,
      configure: async (made) => {
        made.connectMicroservice({ transport: Transport.TCP, options }, { inheritAppConfig: true });
        await made.startAllMicroservices();
      },
    });
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    afterTest(async () => void client.close());
    const answer = await firstValueFrom(client.send<object>('extend', '1'));
    expect(answer).toEqual({ inside: 'share-1', after: 'share-1' });
    expect(journal).toEqual(['after the body: held', 'COMMIT under share-1: held']);
    await app.get(Watcher).note('answered');
    expect(journal.at(-1)).toBe('answered: free');
  });

  it('is refused by another word', () => {
    class Wrong {
      async m(): Promise<void> {}
    }
    const decorate = Synchronized('x', { until: 'response' as 'request' });
    expect(() =>
      decorate(Wrong.prototype, 'm', Object.getOwnPropertyDescriptor(Wrong.prototype, 'm')!),
    ).toThrow("until must be one of 'request', got 'response'");
  });
});
