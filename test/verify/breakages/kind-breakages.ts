import { type Breakage, simulation, spec } from './breakage.js';

const SHARES = 'lib/drivers/redis/scripts/shared-scripts.ts';
const MEMORY = 'lib/drivers/memory/memory-space.ts';
const LOCK_FILE = 'lib/drivers/file/kernel/lock-file.ts';
const TAKE_PERMIT = 'lib/semaphores/take-permit.ts';

/** Of locks that are shared, and of permits. */
export const KIND_BREAKAGES: readonly Breakage[] = [
  {
    name: 'share beside a lease alone',
    wrong: 'a node gives a share of a lock that a holder has alone',
    edits: [
      {
        file: SHARES,
        find: "if (ARGV[10] == '1' or holder) and not mine then",
        replace: "if ARGV[10] == '1' and not mine then",
      },
    ],
    foundBy: simulation(1, 'exclusion'),
  },
  {
    name: 'lock freed by the first share that ends',
    wrong: 'a writer is let in while others still share the lock',
    edits: [{ file: SHARES, find: '  if left > 0 then', replace: '  if false then' }],
    foundBy: simulation(1, 'exclusion'),
  },
  {
    name: 'share renewed after its end',
    wrong: 'a reader goes on beside the writer that came when its share had run out',
    edits: [
      {
        file: SHARES,
        find: "mine = type(ends) ~= 'table' and tonumber(ends or 0) > ms",
        replace: 'mine = true',
      },
    ],
    foundBy: spec('test/integration/redis/driver-suite.spec.ts', 'ends each share at its own ttl'),
  },
  {
    name: 'writer starved',
    wrong: 'readers that come later are let in before a writer that waits',
    edits: [
      {
        file: SHARES,
        find: "(ARGV[10] ~= '1' and not redis.call('zrange', KEYS[3], 0, 0)[1])",
        replace: "ARGV[10] ~= '1'",
      },
    ],
    foundBy: spec('test/integration/redis/shared-locks.spec.ts', 'lets a writer in after the readers'),
  },
  {
    name: 'writer starved in memory',
    wrong: 'the same, in memory',
    edits: [
      { file: MEMORY, find: '|| !isTurn(line, waiter)', replace: '|| (!shared && !isTurn(line, waiter))' },
    ],
    foundBy: spec('test/integration/memory/memory.driver.spec.ts', 'lets no newcomer share a lock before'),
  },
  {
    name: 'links of a locked file not looked at',
    wrong: 'a writer locks the file of a lock that other processes share',
    edits: [
      {
        file: LOCK_FILE,
        find: 'Number(there.nlink) === 1 || isVacant();',
        replace: 'Number(there.nlink) > 0;',
      },
    ],
    foundBy: spec('test/integration/file/shared-suite.spec.ts', 'grants no exclusive lease as long as'),
  },
  {
    name: 'a permit too many',
    wrong: 'a semaphore has one holder more than permits',
    edits: [
      { file: TAKE_PERMIT, find: '(first + index) % permits', replace: '(first + index) % (permits + 1)' },
    ],
    foundBy: spec('test/integration/memory/semaphores.spec.ts', 'gives so many permits over all replicas'),
  },
  {
    name: 'second permit of a call kept',
    wrong: 'a call that waits for all permits keeps each that comes while it takes the first',
    edits: [{ file: TAKE_PERMIT, find: '        void result.finish();\n', replace: '' }],
    foundBy: spec('test/integration/redis/semaphores.spec.ts', 'never has more holders than permits'),
  },
];
