import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RedisServer, startRedisNodes, stopAllRedis } from '../support/redis-server.js';
import { Traffic } from './traffic.js';

let servers: RedisServer[];

beforeAll(async () => {
  servers = await startRedisNodes(2);
});

afterAll(stopAllRedis);

it('counts what clients send to all nodes, and not what scripts do', async () => {
  const [one, two] = servers.map((server) => server.client());
  const script = "redis.call('set', KEYS[1], 1); redis.call('get', KEYS[1]); redis.call('publish', 'c', 'm')";
  const work = async (): Promise<void> => {
    for (let index = 0; index < 3; index += 1) await one?.eval(script, 1, 'scripted');
    await one?.set('plain', 1);
    await two?.get('plain');
  };
  const traffic = await Traffic.on(servers.map(({ url }) => url));
  const origins = await traffic.learn(work);
  const { sent, published } = await traffic.during(origins, work);
  traffic.close();
  // `set` and `get` come both from the script and from the client, in the proportion of the trial.
  expect(sent).toBeCloseTo(5);
  expect(published).toBe(3);
});
