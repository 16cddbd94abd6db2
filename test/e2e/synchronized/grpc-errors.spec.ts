import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Controller, Injectable } from '@nestjs/common';
import { GrpcMethod, Payload, Transport } from '@nestjs/microservices';
import { fileURLToPath } from 'node:url';
import { NEVER, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackendUnavailableError, LeaseLostError, LockNameError, Synchronized } from 'nestjs-coordination';
import { freePort } from '../../support/redis-ports.js';
import { afterTest, ownSpace, someoneWaits, startApp, startPeer } from './fixtures/test-app.js';

const PROTO = fileURLToPath(new URL('fixtures/shares.proto', import.meta.url));

interface Share {
  readonly id?: string;
}

@Injectable()
class Shares {
  @Synchronized('share-7', { blocking: 1 })
  async extend(share: Share): Promise<Share> {
    return share;
  }
}

@Controller()
class Decorated {
  @GrpcMethod('ShareService', 'Extend')
  @Synchronized('share-7', { blocking: 1 })
  async extend(@Payload() share: Share): Promise<Share> {
    return share;
  }

  @GrpcMethod('ShareService', 'Watch')
  @Synchronized('share-7', { blocking: 1 })
  watch(): Observable<never> {
    return NEVER;
  }

  @GrpcMethod('ShareService', 'Follow')
  @Synchronized('share-7', { blocking: 1 })
  follow(): Observable<never> {
    return NEVER;
  }
}

@Controller()
class Plain {
  constructor(private readonly shares: Shares) {}

  @GrpcMethod('ShareService', 'Extend')
  async extend(@Payload() share: Share): Promise<Share> {
    // As a lock throws them.
    if (share.id === 'away') throw new BackendUnavailableError('Redis node 10.0.0.1 does not answer');
    if (share.id === 'lost') throw new LeaseLostError('Lock "share-7": its lease was lost', 'expired');
    if (share.id === 'mistaken') throw new LockNameError('share.id is missing');
    return this.shares.extend(share);
  }
}

type Call = (
  share: Share,
  options: grpc.CallOptions,
  done: (error: grpc.ServiceError | null, share?: Share) => void,
) => grpc.ClientUnaryCall;

/** The client of a service in any language: nothing of Nest is in it. */
interface ShareClient extends grpc.Client {
  readonly Extend: Call;
  readonly Watch: Call;
  readonly Follow: (share: Share, options: grpc.CallOptions) => grpc.ClientReadableStream<Share>;
}

interface ShareClientClass {
  new (address: string, credentials: grpc.ChannelCredentials, options?: grpc.ClientOptions): ShareClient;
}

interface Loaded {
  readonly shares: { readonly ShareService: ShareClientClass };
}

async function start(controller: typeof Decorated | typeof Plain, inheritAppConfig: boolean, config = {}) {
  const backendUrl = ownSpace();
  const url = `127.0.0.1:${await freePort()}`;
  const { coordinator } = await startApp({
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
  const lock = peer.getLock('share-7');
  await lock.acquire();
  const { shares } = grpc.loadPackageDefinition(loadSync(PROTO)) as unknown as Loaded;
  const client = new shares.ShareService(url, grpc.credentials.createInsecure(), config);
  afterTest(async () => client.close());
  return { client, coordinator, lock };
}

/** The status that ends a call, with all that the client is told. */
function statusOf(client: ShareClient, name: 'Extend' | 'Watch' | 'Follow', id = '7') {
  const options = { deadline: Date.now() + 20_000 };
  return new Promise<object>((resolve) => {
    const tell = (error: grpc.ServiceError | null): void =>
      resolve(error ? { code: error.code, details: error.details } : { code: grpc.status.OK });
    if (name === 'Follow') client.Follow({ id }, options).on('error', tell).resume();
    else client[name]({ id }, options, tell);
  });
}

describe.each([true, false])('a gRPC client, where inheritAppConfig is %s,', (inheritAppConfig) => {
  it.each([
    ['a handler', Decorated, 'Extend'],
    ['a handler that returns an Observable', Decorated, 'Watch'],
    ['a handler that sends a stream', Decorated, 'Follow'],
    ['a service that a handler calls', Plain, 'Extend'],
  ] as const)('may send again a call of which %s did not get its lock', async (_what, controller, name) => {
    const { client } = await start(controller, inheritAppConfig);
    expect(await statusOf(client, name)).toEqual({ code: grpc.status.UNAVAILABLE, details: 'Locked' });
  });

  it.each([
    ['away', grpc.status.UNAVAILABLE, 'Service Unavailable'],
    ['lost', grpc.status.ABORTED, 'Conflict'],
    ['mistaken', grpc.status.INTERNAL, 'Internal Server Error'],
  ])('is told what to do, and no more, of what is %s', async (id, code, details) => {
    const { client } = await start(Plain, inheritAppConfig);
    expect(await statusOf(client, 'Extend', id)).toEqual({ code, details });
  });
});

describe('a gRPC client that sends again what was UNAVAILABLE', () => {
  it('is answered once the lock is free', async () => {
    const retryPolicy = {
      maxAttempts: 5,
      initialBackoff: '0.05s',
      maxBackoff: '0.5s',
      backoffMultiplier: 2,
      retryableStatusCodes: ['UNAVAILABLE'],
    };
    const methodConfig = [{ name: [{ service: 'shares.ShareService' }], retryPolicy }];
    const { client, coordinator, lock } = await start(Decorated, true, {
      'grpc.service_config': JSON.stringify({ methodConfig }),
    });
    // The second time that the call waits, it was refused once.
    const again = someoneWaits(coordinator, 2);
    const status = statusOf(client, 'Extend');
    await again;
    await lock.release();
    expect(await status).toEqual({ code: grpc.status.OK });
  });
});
