/*
 * Uses locks a million times in every way, under contention and with cut connections, and shows what is left behind:
 * keys, listeners, timers, sockets, descriptors, files, memory. Ends with 1 when something grew that must not.
 *
 *   npm run soak -- [--cycles 1000000] [--laps 10] [--backend memory: | file: | file:///dir | 'redis 1' | 'redis 3'] [--seed 1]
 *   npm run soak -- --short     some seconds on each back end, and then a leak of each kind, to see that it is found
 */
import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { SoakBackend } from './backend.js';
import { contend, type ContenderOrder } from './contender.js';
import { fileBackend } from './file-backend.js';
import { memoryBackend } from './memory-backend.js';
import { PLANTS } from './plants.js';
import { redisBackend } from './redis-backend.js';
import { renderReport } from './report.js';
import { soak, type SoakOptions, type SoakReport } from './soak.js';
import { TimerLedger } from './timer-ledger.js';

const BACKENDS = ['memory:', 'file:', 'redis 1', 'redis 3'];
const SHORT = { cycles: 700, laps: 2 };
const PLANTED = { cycles: 100, laps: 1 };

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '1000000' },
    laps: { type: 'string', default: '10' },
    backend: { type: 'string', multiple: true, default: BACKENDS },
    seed: { type: 'string', default: '1' },
    short: { type: 'boolean', default: false },
    /** Of the second process: what it is to do. */
    contend: { type: 'string' },
  },
});

async function backendOf(id: string): Promise<SoakBackend> {
  if (id === 'memory:') return memoryBackend();
  if (id === 'file:') return fileBackend(undefined);
  if (id.startsWith('file://')) return fileBackend(fileURLToPath(id));
  const nodes = /^redis (\d+)$/.exec(id)?.[1];
  if (nodes !== undefined) return redisBackend(Number(nodes));
  throw new Error(`there is no back end ${id}; known are ${BACKENDS.join(', ')} and file:///a/directory`);
}

async function soakOn(id: string, options: SoakOptions): Promise<SoakReport> {
  const backend = await backendOf(id);
  try {
    return await soak(backend, options);
  } finally {
    await backend.close();
  }
}

/** True when nothing grew. */
async function soakEach(options: SoakOptions): Promise<boolean> {
  let clean = true;
  for (const id of values.backend) {
    const report = await soakOn(id, options);
    process.stdout.write(`${renderReport(report)}\n`);
    clean &&= report.grown.length === 0;
  }
  return clean;
}

/** True when every leak that is planted was found. */
async function findPlanted(timers: TimerLedger, seed: number): Promise<boolean> {
  let all = true;
  for (const [name, { on, foundBy, plant }] of Object.entries(PLANTS)) {
    const { grown } = await soakOn(on, { ...PLANTED, seed, timers, plant });
    const found = grown.includes(foundBy);
    process.stdout.write(`planted ${name}: ${found ? 'found' : 'NOT FOUND'} (${grown.join(', ')})\n`);
    all &&= found;
  }
  return all;
}

async function main(): Promise<boolean> {
  const timers = new TimerLedger().install();
  const seed = Number(values.seed);
  const size = values.short ? SHORT : { cycles: Number(values.cycles), laps: Number(values.laps) };
  const clean = await soakEach({ ...size, seed, timers, script: fileURLToPath(import.meta.url) });
  if (!values.short) return clean;
  return (await findPlanted(timers, seed)) && clean;
}

if (values.contend !== undefined) await contend(JSON.parse(values.contend) as ContenderOrder);
// What was planted would keep it from ending by itself.
else process.exit((await main()) ? 0 : 1);
