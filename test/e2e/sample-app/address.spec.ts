import { expect, it } from 'vitest';
import { addressOf } from '../../../sample-app/src/demo/address.js';

it.each([
  ['redis://127.0.0.1:6379', 'redis://127.0.0.1:6379'],
  ['rediss://app:secret@h1,h2:7000,h3/1?ttl=5000', 'rediss://h1,h2:7000,h3/1'],
  ['redis://:secret@h1,redis://:se@cret@h2', 'redis://h1,redis://h2'],
  ['redis+sentinel://s1/main?sentinelPassword=secret', 'redis+sentinel://s1/main'],
  ['redis+sentinel://s1/main?sentinelPassword=se@cret', 'redis+sentinel://…'],
  ['redis://:se?cret@h1', 'redis://…'],
  ['memory:', 'memory:'],
])('the address of %s is shown without its secrets', (url, address) => {
  expect(addressOf(url)).toBe(address);
});
