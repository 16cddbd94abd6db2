import { type Breakage, spec } from './breakage.js';

const LOCK_FILE = 'lib/drivers/file/kernel/lock-file.ts';
const UNUSED = 'test/integration/file/unused-files.spec.ts';
const LOST = 'test/integration/file/lost-files.spec.ts';
const FENCING = 'test/integration/file/fencing.spec.ts';

/** Of locks on files. */
export const FILE_BREAKAGES: readonly Breakage[] = [
  {
    name: 'counter not carried over a plain lease',
    wrong: 'tokens start again after a lease without one',
    edits: [{ file: LOCK_FILE, find: '(last) => last)', replace: '() => 0)' }],
    foundBy: spec('test/integration/file/shared-suite.spec.ts', 'tokens grow over leases without one'),
  },
  {
    name: 'valid slot overwritten',
    wrong: 'a write that is cut short takes the last token with it',
    edits: [
      {
        file: LOCK_FILE,
        find: 'last?.slot === 0 ? SLOT_SIZE : 0',
        replace: 'last?.slot === 1 ? SLOT_SIZE : 0',
      },
    ],
    foundBy: spec(FENCING, 'are not given, and not forgotten, when they cannot be stored'),
  },
  {
    name: 'inode not compared after locking',
    wrong: 'the lock is one on a file that no other process will open',
    edits: [
      {
        file: LOCK_FILE,
        find: 'there === undefined || !isSame(there, found)',
        replace: 'there === undefined',
      },
    ],
    foundBy: spec('test/integration/file/failures.spec.ts', 'locks the file that is there'),
  },
  {
    name: 'inode not compared where files are removed',
    wrong: 'a process that had the removed file open holds the lock beside the next one',
    edits: [
      {
        file: LOCK_FILE,
        find: 'there === undefined || !isSame(there, found)',
        replace: 'there === undefined',
      },
    ],
    foundBy: spec(UNUSED, 'is never two, whoever takes it and removes it at the same time'),
  },
  {
    name: 'token of a removed file forgotten',
    wrong: 'the name comes back with a smaller token where the clock was set back',
    edits: [
      {
        file: 'lib/drivers/file/housekeeping.ts',
        find: ' && floor.raise(file.counter())',
        replace: '',
      },
    ],
    foundBy: spec(UNUSED, 'takes no token with it, whatever the clock says'),
  },
  {
    name: 'lock kept when its file cannot be looked at',
    wrong: 'a release that fails leaves the lock to its process until that ends',
    edits: [
      {
        file: 'lib/drivers/file/holder/held-locks.ts',
        find: 'return held.file.isInPlace();\n    } finally {\n      this.#drop(held);',
        replace:
          'const there = held.file.isInPlace();\n      this.#drop(held);\n      return there;\n    } finally {',
      },
    ],
    foundBy: spec('test/integration/file/failing-calls.spec.ts', 'leaves no lock after a release: lstatSync'),
  },
  {
    name: 'file that is gone not noticed',
    wrong: 'a holder goes on while another process has the lock on the file in its place',
    edits: [
      {
        file: 'lib/drivers/file/holder/held-locks.ts',
        find: ' && !held.file.isInPlace()',
        replace: ' && false',
      },
    ],
    foundBy: spec(LOST, 'is lost with the next heartbeat: the directory was removed'),
  },
  {
    name: 'folder of locks not compared',
    wrong: 'a process that finds another folder takes the lock that a process holds in the old one',
    edits: [
      {
        file: 'lib/drivers/file/directory/directory-guard.ts',
        find: 'if (this.#sure && directory.isAsBefore()) return;',
        replace: 'return;',
      },
    ],
    foundBy: spec(LOST, 'makes no second holder of a driver that was there'),
  },
  {
    name: 'directory that was opened to others not noticed',
    wrong: 'another user can take the lock away from its holder, and locks are granted on',
    edits: [
      {
        file: 'lib/drivers/file/directory/state-directory.ts',
        find: 'isOpenAs(top, before) && ',
        replace: '',
      },
    ],
    foundBy: spec(LOST, 'may not be opened to others itself'),
  },
  {
    name: 'lock file removed at release',
    wrong: 'its token goes with it, and the next one is smaller where a clock is behind',
    edits: [
      {
        file: 'lib/drivers/file/holder/held-locks.ts',
        find: '      file.free();',
        replace: '      file.remove();',
      },
    ],
    foundBy: spec(FENCING, 'follow the order of the leases of several processes whose clocks disagree'),
  },
  {
    name: 'lease without a stored token',
    wrong: 'on a full disk the next lease gets the same token',
    edits: [
      { file: LOCK_FILE, find: 'if (written !== length) throw', replace: 'if (written > length) throw' },
    ],
    foundBy: spec(FENCING, 'are not given, and not forgotten, when they cannot be stored'),
  },
  {
    name: 'newcomer before those who wait',
    wrong: 'a process that comes while the lock is free for the first in line takes it',
    edits: [
      {
        file: 'lib/drivers/file/file-locks.ts',
        find: 'links > 1 && queues.isWaitedFor(request.name)',
        replace: 'false',
      },
    ],
    foundBy: spec(
      'test/integration/file/shared-suite.spec.ts',
      'queue: lets no newcomer in before the waiters',
    ),
  },
  {
    name: 'waiter that does not answer kept',
    wrong: 'all wait behind a process that was stopped',
    edits: [
      {
        file: 'lib/drivers/file/queue/ticket-watch.ts',
        find: 'if (this.#since !== undefined) this.#passOver();',
        replace: 'if (this.#since !== undefined) this.#ask();',
      },
    ],
    foundBy: spec('test/unit/ticket-watch.spec.ts', 'is passed over when it is silent for half a second'),
  },
  {
    name: 'folder of shares not compared',
    wrong: 'a share that lies in a folder which was replaced is not respected',
    edits: [
      {
        file: 'lib/drivers/file/directory/place.ts',
        find: "['locks', 'queues', 'instances'] as const",
        replace: "['locks'] as readonly ('locks' | 'queues' | 'instances')[]",
      },
    ],
    foundBy: spec(LOST, 'makes no holder beside one that shares the lock when queues is replaced'),
  },
  {
    name: 'replaced folder of shares noticed by the heartbeat alone',
    wrong: 'until the next heartbeat, a share that lies in a folder which was replaced is not respected',
    edits: [
      {
        file: 'lib/drivers/file/directory/state-directory.ts',
        find: ' && top.mtimeMs === before.mtimeMs',
        replace: '',
      },
    ],
    foundBy: spec(LOST, 'makes no holder beside one that shares the lock when queues is replaced'),
  },
  {
    name: 'driver without an instance file taken for dead',
    wrong:
      'after the folder of instances was replaced, a driver that starts takes a lock beside one that shares it',
    edits: [
      {
        file: 'lib/drivers/file/shares/sharers.ts',
        find: 'this.instances.missedFor(number, this.clock.wall()) < this.ttl',
        replace: 'false',
      },
    ],
    foundBy: spec(LOST, 'where instances is replaced and drivers start'),
  },
  {
    name: 'share of another driver with the same number removed',
    wrong:
      'a driver whose instance file is gone takes a lock beside the one that has its number now, and shares it',
    edits: [
      {
        file: 'lib/drivers/file/queue/tickets.ts',
        find: 'ticket.instance === this.instance.number && this.instance.isInPlace()',
        replace: 'ticket.instance === this.instance.number',
      },
    ],
    foundBy: spec(LOST, 'shares no lock once instances was replaced'),
  },
  {
    name: 'own number of a starting driver not swept',
    wrong: 'others respect the shares of a dead process as those of the driver that has its number',
    edits: [{ file: 'lib/drivers/file/queue/tickets.ts', find: '([[own, false]])', replace: '()' }],
    foundBy: spec(
      'test/integration/file/leftovers.spec.ts',
      'is no share and no waiter of a process that is killed while its instance is taken over',
    ),
  },
];
