import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Controller, Get, type INestApplication, Module, Param, Res, StreamableFile } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { Args, GraphQLModule, Query, Resolver, Subscription } from '@nestjs/graphql';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { createClient } from 'graphql-ws';
import { Agent, get, type ServerResponse } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Server } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import { CoordinationModule, Synchronized } from 'nestjs-coordination';
import { WebSocket } from 'ws';

/** What of the bodies that run is seen: two of one lock at the same time must not be. */
export class Bodies {
  total = 0;
  readonly #running = new Set<string>();
  readonly overlaps: string[] = [];

  async run(id: string): Promise<void> {
    if (this.#running.has(id)) this.overlaps.push(id);
    this.#running.add(id);
    this.total += 1;
    await after(1);
    this.#running.delete(id);
  }
}

export const bodies = new Bodies();

async function* partsOf(id: string): AsyncGenerator<string> {
  for (const part of ['a', 'b', id]) {
    yield part;
    await after(1);
  }
}

function streamOf(id: string): Readable {
  return Readable.from(partsOf(id), { objectMode: false });
}

/** Every way to answer over HTTP, all under the same locks. */
@Controller()
class Routes {
  @Get('plain/:id')
  @Synchronized('share-<id>')
  async plain(@Param('id') id: string): Promise<string> {
    await bodies.run(id);
    return id;
  }

  @Get('file/:id')
  @Synchronized('share-<id>')
  async file(@Param('id') id: string): Promise<StreamableFile> {
    await bodies.run(id);
    return new StreamableFile(streamOf(id));
  }

  @Get('web/:id')
  @Synchronized('share-<id>')
  async web(@Param('id') id: string): Promise<unknown> {
    await bodies.run(id);
    return Readable.toWeb(streamOf(id));
  }

  @Get('generator/:id')
  @Synchronized('share-<id>')
  async *generator(@Param('id') id: string): AsyncGenerator<string> {
    await bodies.run(id);
    yield* partsOf(id);
  }

  @Get('raw/:id')
  @Synchronized('share-<id>')
  async raw(
    @Param('id') id: string,
    @Res() response: ServerResponse & { raw?: ServerResponse },
  ): Promise<void> {
    await bodies.run(id);
    streamOf(id).pipe(response.raw ?? response);
  }
}

/** A number from 0 to below 1, in an order that can be repeated. */
export type Random = () => number;

export const KINDS = ['plain', 'file', 'web', 'generator', 'raw'];

@Resolver()
class Shares {
  @Query(() => String)
  @Synchronized('share-<id>')
  async share(@Args('id') id: string): Promise<string> {
    await bodies.run(id);
    return id;
  }

  @Subscription(() => String, { resolve: (value: string) => value })
  @Synchronized('share-<id>')
  async *parts(@Args('id') id: string): AsyncGenerator<string> {
    await bodies.run(id);
    yield* partsOf(id);
  }
}

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('extend')
  @Synchronized('share-<id>')
  async extend(@MessageBody('id') id: string): Promise<string> {
    await bodies.run(id);
    return id;
  }
}

/** One call of one client; settles when it was answered, or when the client has left. */
export type Call = (random: Random, id: string, leaveAfter: number | undefined) => Promise<void>;

export interface Host {
  readonly app: INestApplication;
  /** A client of its own for every worker. */
  client(): Call;
  /** Ends the connections that clients keep; the next call of a client opens one anew. */
  readonly disconnect: () => void;
}

/** Resolves when nobody is connected any more: how many connections are idle is chance, and each holds memory. */
export async function everybodyGone({ app, disconnect }: Host): Promise<void> {
  const server = app.getHttpServer() as Server;
  const open = (): Promise<number> =>
    new Promise((resolve, reject) =>
      server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  do {
    // Also what was still being opened.
    disconnect();
    await after(10);
  } while ((await open()) > 0);
}

export async function closeHost(host: Host): Promise<void> {
  host.disconnect();
  await host.app.close();
}

export const HOSTS: Record<string, (backendUrl: string) => Promise<Host>> = {
  express: (backendUrl) => httpHost(backendUrl, new ExpressAdapter()),
  fastify: (backendUrl) => httpHost(backendUrl, new FastifyAdapter()),
  'HTTP/2': http2Host,
  'graphql-ws': graphqlHost,
  'socket.io': socketHost,
};

async function listen(
  backendUrl: string,
  adapter: AbstractHttpAdapter,
  metadata: Parameters<typeof Module>[0],
): Promise<{ app: INestApplication; url: string }> {
  class AppModule {}
  Module({
    ...metadata,
    imports: [CoordinationModule.forRoot({ backendUrl }), ...(metadata.imports ?? [])],
  })(AppModule);
  const app = await NestFactory.create(AppModule, adapter, { logger: ['fatal'], abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)]!;
}

/** Leaves a call after a while, unless the returned function was called before. */
function orLeave(leaveAfter: number | undefined, leave: () => void): () => void {
  if (leaveAfter === undefined) return () => undefined;
  const timer = setTimeout(leave, leaveAfter);
  return () => clearTimeout(timer);
}

async function httpHost(backendUrl: string, adapter: AbstractHttpAdapter): Promise<Host> {
  const { app, url } = await listen(backendUrl, adapter, { controllers: [Routes] });
  const agent = new Agent({ keepAlive: true });
  const call: Call = (random, id, leaveAfter) =>
    new Promise((resolve) => {
      const request = get(`${url}/${pick(random, KINDS)}/${id}`, { agent }, (message) => {
        message
          .on('error', () => undefined)
          .on('close', done)
          .resume();
      });
      request.on('error', done);
      const stay = orLeave(leaveAfter, () => request.destroy());
      function done(): void {
        stay();
        resolve();
      }
    });
  return {
    app,
    client: () => call,
    disconnect: () => agent.destroy(),
  };
}

async function http2Host(backendUrl: string): Promise<Host> {
  const { app, url } = await listen(
    backendUrl,
    new FastifyAdapter({ http2: true, http2SessionTimeout: 1000 }) as AbstractHttpAdapter,
    {
      controllers: [Routes],
    },
  );
  const sessions = new Set<ClientHttp2Session>();
  const open = (): ClientHttp2Session => {
    const session = connectHttp2(url);
    sessions.add(session.on('error', () => undefined).on('close', () => sessions.delete(session)));
    return session;
  };
  const client = (): Call => {
    let session = open();
    return (random, id, leaveAfter) =>
      new Promise((resolve) => {
        if (session.closed || session.destroyed) session = open();
        const stream = session.request({ ':path': `/${pick(random, KINDS)}/${id}` });
        const stay = orLeave(leaveAfter, () => {
          if (random() < 0.5) session.destroy();
          else stream.close(8);
        });
        stream
          .on('error', () => undefined)
          .on('close', () => {
            stay();
            resolve();
          })
          .resume();
      });
  };
  return {
    app,
    client,
    disconnect: () => sessions.forEach((session) => session.destroy()),
  };
}

/** One that is left before it is open tells of an error, which is meant here. */
class LeavingSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    this.on('error', () => undefined);
  }
}

async function graphqlHost(backendUrl: string): Promise<Host> {
  const { app, url } = await listen(backendUrl, new ExpressAdapter(), {
    imports: [
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        subscriptions: { 'graphql-ws': true },
      }),
    ],
    providers: [Shares],
  });
  const open = () =>
    createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: LeavingSocket,
      retryAttempts: 0,
      onNonLazyError: () => undefined,
    });
  const clients = new Set<ReturnType<typeof open>>();
  const client = (): Call => {
    let connection = open();
    clients.add(connection);
    return (random, id, leaveAfter) =>
      new Promise((resolve) => {
        const query = random() < 0.5 ? `{ share(id: "${id}") }` : `subscription { parts(id: "${id}") }`;
        const unsubscribe = connection.subscribe(
          { query },
          { next: () => undefined, error: done, complete: done },
        );
        const stay = orLeave(leaveAfter, () => {
          if (random() < 0.5) unsubscribe();
          else {
            clients.delete(connection);
            connection.terminate();
            connection = open();
            clients.add(connection);
          }
          done();
        });
        function done(): void {
          stay();
          resolve();
        }
      });
  };
  return {
    app,
    client,
    disconnect: () => clients.forEach((one) => one.terminate()),
  };
}

async function socketHost(backendUrl: string): Promise<Host> {
  const { app, url } = await listen(backendUrl, new ExpressAdapter(), { providers: [Gateway] });
  const sockets = new Set<Socket>();
  const client = (): Call => {
    const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
    sockets.add(socket);
    return (_random, id, leaveAfter) =>
      new Promise((resolve) => {
        if (!socket.connected) socket.connect();
        const stay = orLeave(leaveAfter, () => {
          socket.disconnect();
          // One that was not connected yet tells nothing.
          done();
        });
        function done(): void {
          stay();
          socket.off('disconnect', done);
          socket.off('connect_error', done);
          resolve();
        }
        socket.once('disconnect', done).once('connect_error', done);
        socket.emit('extend', { id }, done);
      });
  };
  return {
    app,
    client,
    disconnect: () => sockets.forEach((socket) => void socket.disconnect()),
  };
}

/** Some requests in one write, and then the connection is cut. */
export function cutPipelined(url: string, paths: readonly string[], cutAfter: number): Promise<void> {
  const { port, hostname } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket
      .on('error', () => undefined)
      .on('close', () => resolve())
      .resume();
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    setTimeout(() => socket.destroy(), cutAfter);
  });
}

/** The same over HTTP/2, by the end of the session, of its streams, or of the connection below. */
export function cutHttp2(
  url: string,
  paths: readonly string[],
  cutAfter: number,
  how: 'session' | 'streams' | 'connection',
): Promise<void> {
  const { port, hostname } = new URL(url);
  return new Promise((resolve) => {
    const connection = connect(Number(port), hostname);
    connection.on('error', () => undefined);
    const session = connectHttp2(url, { createConnection: () => connection });
    session.on('error', () => undefined).on('close', () => resolve());
    const streams = paths.map((path) => session.request({ ':path': path }));
    for (const stream of streams) stream.on('error', () => undefined).resume();
    setTimeout(() => {
      if (how === 'connection') connection.destroy();
      else if (how === 'session') session.destroy();
      else {
        for (const stream of streams) stream.close(8);
        session.close();
      }
    }, cutAfter);
  });
}
