import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

/** Also of a socket that ends with an error, at which `once` would reject. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

describe('the proxy of the fault suite', () => {
  /** Answers everything with the same, and keeps what it got. */
  let server: Server;
  let proxy: TcpProxy;
  let clients: Socket[];
  let seen: { received: string; ended: number };

  beforeEach(async () => {
    clients = [];
    const mine = { received: '', ended: 0 };
    seen = mine;
    server = createServer((socket) => {
      socket.on('data', (bytes) => {
        mine.received += bytes.toString();
        socket.write(bytes);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => (mine.ended += 1));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    proxy = await TcpProxy.start(typeof address === 'object' && address ? address.port : 0);
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await proxy.stop();
    server.close();
  });

  async function client(): Promise<{ readonly socket: Socket; readonly heard: () => string }> {
    const socket = connect(proxy.port, '127.0.0.1');
    clients.push(socket);
    let text = '';
    socket.on('data', (bytes) => (text += bytes.toString()));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return { socket, heard: () => text };
  }

  it('passes everything on, both ways', async () => {
    const { socket, heard } = await client();
    socket.write('hello');
    await eventually(() => heard() === 'hello');
    expect(seen.received).toBe('hello');
  });

  it('keeps replies back and lets requests through, until it is healed', async () => {
    const { socket, heard } = await client();
    proxy.set('down', { cut: 'hold' });
    socket.write('a');
    await eventually(() => seen.received === 'a');
    expect(heard()).toBe('');
    proxy.heal();
    await eventually(() => heard() === 'a');
  });

  it('keeps requests back, also on connections that are made meanwhile', async () => {
    proxy.set('both', { cut: 'hold' });
    const { socket, heard } = await client();
    socket.write('a');
    const other = await client();
    other.socket.write('b');
    proxy.set('down', {});
    expect(seen.received + heard()).toBe('');
    proxy.heal();
    await eventually(() => seen.received.length === 2);
  });

  it('delivers late what a client had sent before it went away, as a network does', async () => {
    proxy.set('up', { cut: 'hold' });
    const { socket } = await client();
    socket.end('last words');
    await closing(socket);
    expect(seen.received).toBe('');
    proxy.heal();
    await eventually(() => seen.received === 'last words');
    await eventually(() => seen.ended === 1);
  });

  it('resets the connections whose bytes it has lost, and no others', async () => {
    const silent = await client();
    const { socket } = await client();
    proxy.set('up', { cut: 'lose' });
    const closed = closing(socket);
    socket.write('lost');
    await eventually(() => socket.bytesWritten === 4);
    // Another connection, whose bytes come after the lost ones, tells that the proxy has seen those.
    const probe = await client();
    proxy.set('up', {});
    probe.socket.write('probe');
    await eventually(() => probe.heard() === 'probe');
    proxy.heal();
    await closed;
    expect(seen.received).toBe('probe');
    expect(silent.socket.destroyed).toBe(false);
  });

  it('delays and narrows', async () => {
    const { socket, heard } = await client();
    proxy.set('down', { latency: 60 });
    const begun = performance.now();
    socket.write('late');
    await eventually(() => heard() === 'late');
    expect(performance.now() - begun).toBeGreaterThanOrEqual(58);
    proxy.set('down', { bandwidth: 10_000 });
    const text = 'x'.repeat(1000);
    const narrowed = performance.now();
    socket.write(text);
    await eventually(() => heard() === `late${text}`);
    expect(performance.now() - narrowed).toBeGreaterThanOrEqual(98);
  });

  it('resets on demand, and when the server goes away', async () => {
    const { socket } = await client();
    const closed = closing(socket);
    proxy.reset();
    await closed;
    expect((await client()).socket.destroyed).toBe(false);
  });
});
