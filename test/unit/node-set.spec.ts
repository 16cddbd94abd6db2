import { expect, it } from 'vitest';
import type { VotingNode } from '../../lib/drivers/redis/node/voting-node.js';
import { NodeSet } from '../../lib/drivers/redis/quorum/node-set.js';

it('is not sure of the list of nodes while none of them can be reached, nor for that reason later', () => {
  const nodes = Array.from({ length: 3 }, () => ({ up: false, record: { listIsSureUntil: 100 } }));
  const nodeSet = new NodeSet(nodes as unknown as VotingNode[]);
  expect(nodeSet.isSure(50)).toBe(false);
  for (const node of nodes) node.up = true;
  expect(nodeSet.isSure(50)).toBe(true);
  expect(nodeSet.isSure(100)).toBe(false);
});

it('is always sure where the nodes keep no list', () => {
  const nodes = Array.from({ length: 3 }, () => ({ up: true, record: undefined }));
  expect(new NodeSet(nodes as unknown as VotingNode[]).isSure(1e9)).toBe(true);
});
