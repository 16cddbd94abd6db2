/*
 * Has many clients use few locks, and leave while they wait, while the body runs, and while they are answered. Every lock has to be
 * free afterwards, nothing may have grown, and Node must not have warned. Ends with 1 otherwise.
 *
 *   npm run soak:clients -- [--seconds 120] [--clients 500] [--locks 50] [--cuts 3000] [--host express …] [--seed 1]
 *   npm run soak:clients -- --short     some seconds in all
 */
import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setTimeout as after } from 'node:timers/promises';
import { CoordinatorService } from 'nestjs-coordination';
import {
  bodies,
  type Call,
  closeHost,
  cutHttp2,
  cutPipelined,
  everybodyGone,
  type Host,
  HOSTS,
  KINDS,
  pick,
  type Random,
} from './client-hosts.js';
import { heapGrew, type HeapSample } from './heap.js';
import { heapInUse } from './process-counts.js';
import { randomFrom } from './random.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    clients: { type: 'string', default: '500' },
    locks: { type: 'string', default: '50' },
    cuts: { type: 'string', default: '3000' },
    host: { type: 'string', multiple: true, default: Object.keys(HOSTS) },
    seed: { type: 'string', default: '1' },
    short: { type: 'boolean', default: false },
  },
});

const SIZE = values.short
  ? { seconds: 2, clients: 60, locks: 10, cuts: 100 }
  : {
      seconds: Number(values.seconds),
      clients: Number(values.clients),
      locks: Number(values.locks),
      cuts: Number(values.cuts),
    };

/** How many of the clients leave, and after how long at most, ms. */
const LEAVING = 0.2;
const LONGEST_STAY = 40;

/** The heap is looked at so often, each time with nobody there. */
const LAPS = 4;

/** How many connections are cut at the same time. */
const CUTS_AT_ONCE = 50;

const FREE_WITHIN = 10_000;

const warnings: string[] = [];
process.on('warning', (warning) => warnings.push(String(warning)));

const lockName = (random: Random): string => String(Math.floor(random() * SIZE.locks));

/** The locks that are not free when nobody uses them any more. */
async function heldLocks(peer: CoordinatorService): Promise<string[]> {
  const held: string[] = [];
  for (let id = 0; id < SIZE.locks; id += 1) {
    const lock = peer.getLock(`share-${id}`);
    if (await lock.acquire(FREE_WITHIN)) await lock.release();
    else held.push(lock.name);
  }
  return held;
}

function listenersOf({ app }: Host): number {
  const server = app.getHttpServer() as NodeJS.EventEmitter;
  const count = (emitter: NodeJS.EventEmitter): number =>
    emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
  return count(server) + count(process);
}

interface Lap {
  /** Each of the clients. */
  readonly clients: readonly Call[];
  readonly random: Random;
  readonly ms: number;
}

/** Has every client make one call after the other; resolves to how many calls there were, and how many were left. */
async function lap({ clients, random, ms }: Lap): Promise<{ calls: number; left: number }> {
  const end = performance.now() + ms;
  let calls = 0;
  let left = 0;
  const used = clients.map(async (call) => {
    while (performance.now() < end) {
      const leaves = random() < LEAVING;
      calls += 1;
      if (leaves) left += 1;
      await call(random, lockName(random), leaves ? random() * LONGEST_STAY : undefined);
    }
  });
  await Promise.all(used);
  return { calls, left };
}

/** True when nothing was wrong. */
function tell(what: string, facts: string, problems: readonly string[]): boolean {
  process.stdout.write(`${what}: ${facts}; ${problems.length === 0 ? 'all free, nothing grew' : ''}`);
  process.stdout.write(problems.length === 0 ? '\n' : `WRONG: ${problems.join('; ')}\n`);
  return problems.length === 0;
}

function problemsOf(held: readonly string[], others: readonly (string | false)[]): string[] {
  const problems = others.filter((problem) => problem !== false);
  if (held.length > 0) problems.push(`held: ${held.join(', ')}`);
  if (bodies.overlaps.length > 0) problems.push(`two bodies at once: ${bodies.overlaps.join(', ')}`);
  if (warnings.length > 0) problems.push(...warnings.splice(0));
  return problems;
}

async function usedByClients(name: string, random: Random): Promise<boolean> {
  const backendUrl = `memory:${randomUUID()}`;
  const host = await HOSTS[name]!(backendUrl);
  const peer = new CoordinatorService({ backendUrl, stopTimeout: 0 });
  await peer.start();
  const clients = Array.from({ length: SIZE.clients }, () => host.client());
  const ms = (1000 * SIZE.seconds) / LAPS;
  const heap: HeapSample[] = [];
  let calls = 0;
  let left = 0;
  let listeners = 0;
  let held: string[] = [];
  for (let number = 0; number < LAPS && held.length === 0; number += 1) {
    const outcome = await lap({ clients, random, ms });
    calls += outcome.calls;
    left += outcome.left;
    held = await heldLocks(peer);
    await everybodyGone(host);
    heap.push({ cycles: calls, bytes: await heapInUse() });
    if (number === 0) listeners = listenersOf(host);
  }
  const more = listenersOf(host) - listeners;
  const problems = problemsOf(held, [
    heapGrew(heap) && 'the heap grew',
    more > 0 && `${more} more listeners on the server and the process`,
  ]);
  const megabytes = heap.map(({ bytes }) => (bytes / 1e6).toFixed(1)).join(' → ');
  await closeHost(host);
  await peer.stop();
  return tell(name, `${calls} calls, ${left} left, heap ${megabytes} MB`, problems);
}

async function cutOff(what: string, name: string, random: Random): Promise<boolean> {
  const backendUrl = `memory:${randomUUID()}`;
  const host = await HOSTS[name]!(backendUrl);
  const peer = new CoordinatorService({ backendUrl, stopTimeout: 0 });
  await peer.start();
  const url = await host.app.getUrl();
  let requests = 0;
  const cutOne = (): Promise<void> => {
    const paths = Array.from(
      { length: 1 + Math.floor(random() * 4) },
      () => `/${pick(random, KINDS)}/${lockName(random)}`,
    );
    requests += paths.length;
    // Half of them within the first ms.
    const cutAfter = random() < 0.5 ? random() : random() * LONGEST_STAY;
    if (name !== 'HTTP/2') return cutPipelined(url, paths, cutAfter);
    return cutHttp2(url, paths, cutAfter, pick(random, ['session', 'streams', 'connection'] as const));
  };
  await Promise.all(
    Array.from({ length: CUTS_AT_ONCE }, async () => {
      while (requests < SIZE.cuts) await cutOne();
    }),
  );
  // What was read from the connections before is still on its way through the application.
  await after(500);
  const problems = problemsOf(await heldLocks(peer), []);
  await closeHost(host);
  await peer.stop();
  return tell(what, `${requests} requests cut at random moments`, problems);
}

async function main(): Promise<boolean> {
  Logger.overrideLogger(['fatal']);
  const random = randomFrom(Number(values.seed));
  let clean = true;
  for (const name of values.host) clean = (await usedByClients(name, random)) && clean;
  clean = (await cutOff('pipelined, Express', 'express', random)) && clean;
  clean = (await cutOff('pipelined, Fastify', 'fastify', random)) && clean;
  return (await cutOff('HTTP/2', 'HTTP/2', random)) && clean;
}

process.exit((await main()) ? 0 : 1);
