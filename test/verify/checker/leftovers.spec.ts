import { expect, it } from 'vitest';
import { judgeLeftovers } from './leftovers.js';

it('finds what stays for ever or for too long, and lets go what has a ttl or is permitted', () => {
  const left = [
    { what: 'key', name: 'short', ttl: 100 },
    { what: 'key', name: 'long', ttl: 101 },
    { what: 'key', name: 'eternal' },
    { what: 'key', name: 'record of the node' },
  ];
  const found = judgeLeftovers(left, 100, ({ name }) => name === 'record of the node');
  expect(found.map(({ message }) => message)).toEqual([
    'key "long" is left for 101 ms, longer than 100 ms',
    'key "eternal" is left for ever',
  ]);
});
