import { expect, it } from 'vitest';
import { Electorate, type ElectedNode } from '../../lib/drivers/redis/electorate.js';

it('is not sure of the list of nodes while none of them can be reached, nor for that reason later', () => {
  const nodes = Array.from({ length: 3 }, () => ({ up: false, record: { listIsSureUntil: 100 } }));
  const electorate = new Electorate(nodes as unknown as ElectedNode[]);
  expect(electorate.isSure(50)).toBe(false);
  for (const node of nodes) node.up = true;
  expect(electorate.isSure(50)).toBe(true);
  expect(electorate.isSure(100)).toBe(false);
});

it('is always sure where the nodes keep no list', () => {
  const nodes = Array.from({ length: 3 }, () => ({ up: true, record: undefined }));
  expect(new Electorate(nodes as unknown as ElectedNode[]).isSure(1e9)).toBe(true);
});
