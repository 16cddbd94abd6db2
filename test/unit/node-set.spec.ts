import { expect, it } from 'vitest';
import type { VotingNode } from '../../lib/drivers/redis/node/voting-node.js';
import { NodeSet } from '../../lib/drivers/redis/quorum/node-set.js';
import type { Clock } from '../../lib/common/clock.js';

/** The list of the nodes is sure until 100 on the monotonic clock, and until 1100 on the wall clock. */
function someNodes() {
  const time = { wall: 1000 };
  const listIsSureUntil = { monotonic: 100, wall: 1100 };
  const nodes = Array.from({ length: 3 }, () => ({ up: true, record: { listIsSureUntil } }));
  const clock = { wall: () => time.wall } as Clock;
  return { nodes, time, nodeSet: new NodeSet(nodes as unknown as VotingNode[], clock) };
}

it('is not sure of the list of nodes while none of them can be reached, nor for that reason later', () => {
  const { nodes, nodeSet } = someNodes();
  for (const node of nodes) node.up = false;
  expect(nodeSet.isSure(50)).toBe(false);
  for (const node of nodes) node.up = true;
  expect(nodeSet.isSure(50)).toBe(true);
  expect(nodeSet.isSure(100)).toBe(false);
});

it('is not sure of the list of nodes after a sleep of the machine, in which the monotonic clock stood still', () => {
  const { time, nodeSet } = someNodes();
  expect(nodeSet.isSure(50)).toBe(true);
  time.wall = 1100;
  expect(nodeSet.isSure(50)).toBe(false);
});

it('is always sure where the nodes keep no list', () => {
  const { nodes, nodeSet } = someNodes();
  for (const node of nodes) Object.assign(node, { record: undefined });
  expect(nodeSet.isSure(1e9)).toBe(true);
});
