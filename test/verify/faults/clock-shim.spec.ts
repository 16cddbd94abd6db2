import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClockShims } from '../../support/clock-shim.js';
import { RedisServer } from '../../support/redis-server.js';

const run = promisify(execFile);
const HOUR = 3_600_000;
/** Between two readings on a busy machine, ms. */
const SLACK = 30_000;

const clocks = await ClockShims.compile();

/** Without a compiler no clock is moved, and the fault suite says so. */
describe.runIf(clocks !== undefined)('the clock of a process under the shim', () => {
  let shims: ClockShims;

  beforeAll(() => {
    shims = clocks!;
  });
  afterAll(() => shims.remove());

  it('is set for Node, and the clock of the history is not', async () => {
    const clock = await shims.create();
    clock.set(HOUR);
    const script = 'console.log(Date.now(), Number(process.hrtime.bigint()) / 1e6)';
    const before = Number(process.hrtime.bigint()) / 1e6;
    const env = { ...process.env, ...clock.env };
    const { stdout } = await run(process.execPath, ['-e', script], { env });
    const [wall = 0, monotonic = 0] = stdout.split(' ').map(Number);
    expect(Math.abs(wall - Date.now() - HOUR)).toBeLessThan(SLACK);
    expect(monotonic).toBeGreaterThan(before);
    expect(monotonic).toBeLessThan(Number(process.hrtime.bigint()) / 1e6);
  });

  it('is moved alone, also when several are made at once', async () => {
    const [moved, other] = await Promise.all([shims.create(), shims.create()]);
    moved.set(HOUR);
    const script = 'console.log(Date.now())';
    const { stdout } = await run(process.execPath, ['-e', script], { env: { ...process.env, ...other.env } });
    expect(Math.abs(Number(stdout) - Date.now())).toBeLessThan(SLACK);
  });

  it('is set for a Redis server while it runs, and its keys end by it', async () => {
    const clock = await shims.create();
    const server = await RedisServer.start({ env: clock.env });
    const client = server.client();
    const ahead = async (): Promise<number> => Number((await client.time())[0]) * 1000 - Date.now();
    expect(Math.abs(await ahead())).toBeLessThan(SLACK);
    await client.set('key', 'value', 'PX', HOUR);
    clock.set(2 * HOUR);
    expect(Math.abs((await ahead()) - 2 * HOUR)).toBeLessThan(SLACK);
    expect(await client.get('key')).toBeNull();
    clock.set(-HOUR);
    expect(Math.abs((await ahead()) + HOUR)).toBeLessThan(SLACK);
    await server.stop();
  });

  it('runs fast, and goes on without a step when it runs as before', async () => {
    const clock = await shims.create();
    const server = await RedisServer.start({ env: clock.env });
    const client = server.client();
    const ahead = async (): Promise<number> => {
      const [seconds, micros] = await client.time();
      return Number(seconds) * 1000 + Number(micros) / 1000 - Date.now();
    };
    // A thousand times as fast: 1 ms is 1 s.
    clock.run(1000 * 1e6);
    await expect.poll(ahead, { timeout: 30_000 }).toBeGreaterThan(60_000);
    clock.run(0);
    const first = await ahead();
    expect(first).toBeGreaterThan(60_000);
    expect(Math.abs((await ahead()) - first)).toBeLessThan(SLACK);
    await server.stop();
  });
});
