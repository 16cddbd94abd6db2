import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Controller, Injectable } from '@nestjs/common';
import { GrpcStreamCall, Transport } from '@nestjs/microservices';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { refusals } from '../../../lib/synchronized/filters/refusals.js';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/redis-ports.js';
import { afterTest, ownSpace, someoneWaits, startApp, startPeer } from './fixtures/test-app.js';

const PROTO = fileURLToPath(new URL('fixtures/shares.proto', import.meta.url));

interface Share {
  readonly id?: string;
}

type Talk = grpc.ServerDuplexStream<Share, Share>;
type Collection = grpc.ServerReadableStream<Share, Share>;
type Done = (error: Partial<grpc.StatusObject> | null, share?: Share) => void;

let ran: string[] = [];
/** How a body that has returned ends its call. */
let finish: () => void;

beforeEach(() => {
  ran = [];
});

@Injectable()
class Shares {
  @Synchronized('x', { blocking: 20 })
  async extend(): Promise<void> {
    ran.push('service');
  }
}

function begin(name: string, end: () => void): void {
  ran.push(name);
  finish = end;
}

@Controller()
class Brief {
  @GrpcStreamCall('ShareService', 'Talk')
  @Synchronized('x', { blocking: 20 })
  async talk(call: Talk): Promise<void> {
    begin('talk', () => call.end());
    call.write({ id: '7' });
    call.resume();
  }

  @GrpcStreamCall('ShareService', 'Collect')
  @Synchronized('x', { blocking: 20 })
  async collect(call: Collection, done: Done): Promise<void> {
    call.on('end', () => begin('collect', () => done(null, { id: '7' }))).resume();
  }
}

@Controller()
class Patient {
  @GrpcStreamCall('ShareService', 'Talk')
  @Synchronized('x')
  async talk(call: Talk): Promise<void> {
    begin('talk', () => call.end());
  }

  @GrpcStreamCall('ShareService', 'Collect')
  @Synchronized('x')
  async collect(_call: Collection, done: Done): Promise<void> {
    begin('collect', () => done(null, {}));
  }
}

@Controller()
class Skipping {
  @GrpcStreamCall('ShareService', 'Talk')
  @Synchronized('x', { onNotAcquired: 'skip' })
  async talk(call: Talk): Promise<void> {
    begin('talk', () => call.end());
  }

  @GrpcStreamCall('ShareService', 'Collect')
  @Synchronized('x', { onNotAcquired: 'skip' })
  async collect(_call: Collection, done: Done): Promise<void> {
    begin('collect', () => done(null, {}));
  }
}

@Controller()
class Plain {
  constructor(private readonly shares: Shares) {}

  @GrpcStreamCall('ShareService', 'Talk')
  async talk(): Promise<void> {
    await this.shares.extend();
  }

  @GrpcStreamCall('ShareService', 'Collect')
  async collect(): Promise<void> {
    await this.shares.extend();
  }
}

interface ShareClient extends grpc.Client {
  Talk(options: grpc.CallOptions): grpc.ClientDuplexStream<Share, Share>;
  Collect(
    options: grpc.CallOptions,
    done: (error: grpc.ServiceError | null, share?: Share) => void,
  ): grpc.ClientWritableStream<Share>;
}

type Name = 'Talk' | 'Collect';

interface Outcome {
  readonly code: number;
  readonly details?: string;
}

function open(client: ShareClient, name: Name) {
  const options = { deadline: Date.now() + 20_000 };
  let tell: (outcome: Outcome) => void;
  const outcome = new Promise<Outcome>((resolve) => {
    tell = resolve;
  });
  const failed = ({ code, details }: grpc.ServiceError): void => tell({ code, details });
  const call =
    name === 'Talk'
      ? client
          .Talk(options)
          .on('error', failed)
          .on('end', () => tell({ code: 0 }))
          .resume()
      : client.Collect(options, (error) => (error ? failed(error) : tell({ code: 0 })));
  call.write({ id: '7' });
  return { outcome, end: () => call.end(), cancel: () => call.cancel() };
}

async function start(controller: new (...args: never[]) => object, inheritAppConfig = true) {
  const backendUrl = ownSpace();
  const url = `127.0.0.1:${await freePort()}`;
  const { coordinator, log } = await startApp({
    controllers: [controller],
    providers: [Shares],
    coordination: { backendUrl },
    configure: async (app) => {
      const options = { package: 'shares', protoPath: PROTO, url };
      app.connectMicroservice({ transport: Transport.GRPC, options }, { inheritAppConfig });
      await app.startAllMicroservices();
    },
  });
  const peer = await startPeer({ backendUrl });
  const { shares } = grpc.loadPackageDefinition(loadSync(PROTO)) as unknown as {
    shares: { ShareService: new (address: string, credentials: grpc.ChannelCredentials) => ShareClient };
  };
  const client = new shares.ShareService(url, grpc.credentials.createInsecure());
  afterTest(async () => client.close());
  return { coordinator, log, client, lock: peer.getLock('x') };
}

const LOCKED = { code: grpc.status.UNAVAILABLE, details: 'Locked' };

// A rejection that nobody handles fails the run as well.
describe.each(['Talk', 'Collect'] as const)('a handler of @GrpcStreamCall (%s)', (name) => {
  it.each([
    ['its lock', Brief, true],
    ['its lock, without inheritAppConfig', Brief, false],
    ['the lock of a service', Plain, true],
    ['the lock of a service, without inheritAppConfig', Plain, false],
  ])('has its client send again a call that did not get %s', async (_what, controller, inherit) => {
    const { client, lock } = await start(controller, inherit);
    await lock.acquire();
    expect(await open(client, name).outcome).toEqual(LOCKED);
    expect(ran).toEqual([]);
  });

  it('gives up its place when its client leaves', async () => {
    refusals.flush();
    const { client, lock, coordinator, log } = await start(Patient);
    await lock.acquire();
    const waiting = someoneWaits(coordinator);
    const { cancel } = open(client, name);
    await waiting;
    cancel();
    await eventually(() => log.of('debug').some((line) => line.includes('not acquired')));
    await lock.release();
    await coordinator.using('x', () => undefined);
    expect(ran).toEqual([]);
    refusals.flush();
    expect(log.of('warn').filter((line) => line.includes('refused in the last minute'))).toEqual([]);
  });

  it('holds its lock until the call has ended', async () => {
    const { client, lock } = await start(Brief);
    const { outcome, end } = open(client, name);
    end();
    await eventually(() => ran.length === 1);
    expect(await lock.acquire(50)).toBe(false);
    finish();
    expect(await outcome).toEqual({ code: grpc.status.OK });
    expect(await lock.acquire(5000)).toBe(true);
  });

  it('holds its lock until its client has left', async () => {
    const { client, lock } = await start(Patient);
    const { cancel, outcome } = open(client, name);
    await eventually(() => ran.length === 1);
    expect(await lock.acquire(50)).toBe(false);
    cancel();
    expect(await outcome).toMatchObject({ code: grpc.status.CANCELLED });
    expect(await lock.acquire(5000)).toBe(true);
  });

  it('ends the call when its lease is lost', async () => {
    const { client, lock } = await start(Patient);
    const { outcome } = open(client, name);
    await eventually(() => ran.length === 1);
    await lock.break();
    expect(await outcome).toEqual({ code: grpc.status.ABORTED, details: 'Conflict' });
  });

  it('answers with nothing when it is skipped', async () => {
    const { client, lock } = await start(Skipping);
    await lock.acquire();
    expect(await open(client, name).outcome).toEqual({ code: grpc.status.OK });
    expect(ran).toEqual([]);
  });
});
