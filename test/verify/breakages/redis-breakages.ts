import { type Breakage, simulation, spec } from './breakage.js';

const ACQUIRE = 'lib/drivers/redis/scripts/acquire-script.ts';
const QUEUE = 'lib/drivers/redis/scripts/queue-scripts.ts';
const RELEASE = 'lib/drivers/redis/scripts/release-scripts.ts';
const RENEW = 'lib/drivers/redis/scripts/renew-scripts.ts';
const SYNC = 'lib/drivers/redis/scripts/sync-scripts.ts';
const TRUST = 'lib/drivers/redis/node/node-trust.ts';
const RECORD = 'lib/drivers/redis/node/node-epoch.ts';
const PENDING = 'lib/drivers/redis/node/pending-commands.ts';
const PENDING_SPEC = 'test/unit/pending-commands.spec.ts';
const SINGLE_ATTEMPTS = 'lib/drivers/redis/quorum/single-attempts.ts';
const EXCHANGES = 'lib/drivers/redis/quorum/vote-exchanges.ts';
const COMPLETER = 'lib/drivers/redis/quorum/completer.ts';
const STANDING = 'lib/drivers/redis/quorum/standing.ts';
const PLACE = 'lib/drivers/redis/queue/redis-waiter.ts';
const KEYS = 'lib/drivers/redis/scripts/keys.ts';

/** Of the scripts, the votes and the nodes of Redis. */
export const REDIS_BREAKAGES: readonly Breakage[] = [
  {
    name: 'no owner check on release',
    wrong: 'a late release frees the lock of the next holder',
    edits: [
      {
        file: RELEASE,
        find: "if redis.call('get', KEYS[1]) ~= ARGV[1] then\n  redis.call('zrem', KEYS[3], ARGV[1])\n  return 0\nend\nlocal holder = false",
        replace: 'local holder = false',
      },
    ],
    foundBy: simulation(1, 'exclusion|token order'),
  },
  {
    name: 'no owner check on renewal',
    wrong: 'a late renewal takes the lock away from the next holder',
    edits: [
      {
        file: RENEW,
        find: "if holder == ARGV[i + 1] then\n    holder = redis.pcall('pexpire', KEYS[i], ARGV[1])",
        replace: "if holder then\n    holder = redis.pcall('set', KEYS[i], ARGV[i + 1], 'PX', ARGV[1])",
      },
    ],
    foundBy: spec('test/integration/redis/late-commands.spec.ts', 'renews nothing that has gone'),
  },
  {
    name: 'one queue for x and {x}',
    wrong: 'a release of the one grants the other to its first waiter, beside its holder',
    edits: [
      {
        file: KEYS,
        find: 'return tag === key ? `{${tag}}` : `{${tag}}${key}`;',
        replace: 'return `{${tag}}`;',
      },
    ],
    foundBy: spec('test/integration/redis/key-twins.spec.ts', 'do not grant one another'),
  },
  {
    name: 'renewal creates a missing key',
    wrong: 'a lease that a node has forgotten comes back, beside a quorum that another holder has by now',
    edits: [
      {
        file: RENEW,
        find: "if holder == ARGV[i + 1] then\n    holder = redis.pcall('pexpire', KEYS[i], ARGV[1])",
        replace:
          "if not holder or holder == ARGV[i + 1] then\n    holder = redis.pcall('set', KEYS[i], ARGV[i + 1], 'PX', ARGV[1])",
      },
    ],
    foundBy: simulation(1, 'stall: .* renewal found the key of a released lease|order: .*never joined'),
  },
  {
    name: 'acquisition without a last moment',
    wrong: 'one that arrives when its caller has given it up, and freed it, blocks the lock for a ttl',
    edits: [
      {
        file: TRUST,
        find: "return earliest === undefined ? '' : Math.floor(earliest + Math.min(most, this.#settings.commandTimeout));",
        replace: "return '';",
      },
    ],
    foundBy: simulation(1, 'stall: .* acquisition was done after its caller had given it up'),
  },
  {
    name: 'counter read after the key was taken',
    wrong:
      'where no number stands in the place of the counter, the script fails, and the key it has set stays for the ttl',
    edits: [
      {
        file: ACQUIRE,
        find: "if hint then${nextToken('KEYS[5]', 'ARGV[8]')}\nend\n",
        replace: '',
      },
      {
        file: ACQUIRE,
        find: "  return now\nend${countTo('KEYS[5]')}",
        replace: "  return now\nend${nextToken('KEYS[5]', 'ARGV[8]')}${countTo('KEYS[5]')}",
      },
    ],
    foundBy: spec('test/integration/redis/fencing.spec.ts', 'leaves no lock behind'),
  },
  {
    name: 'repeated acquisition does not renew',
    wrong: 'the holder counts from the second request, and the key from the first',
    edits: [
      {
        file: ACQUIRE,
        find: "redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])\nif not hint",
        replace:
          "if redis.call('get', KEYS[1]) ~= ARGV[1] then\n  redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])\nend\nif not hint",
      },
      {
        file: ACQUIRE,
        find: "if holder then\n  redis.call('pexpire', KEYS[1], ARGV[2])\nend\n",
        replace: '',
      },
    ],
    foundBy: spec('test/integration/redis/late-commands.spec.ts', 'may be sent twice'),
  },
  {
    name: 'release tells nobody',
    wrong: 'waiters sleep until they look by themselves',
    edits: [
      {
        file: QUEUE,
        find: "      redis.call('publish', turn, message)\n",
        replace: '',
      },
    ],
    foundBy: spec(
      'test/integration/redis/queue.spec.ts',
      'for each lease that is waited for, and one message',
    ),
  },
  {
    name: 'dead waiters not passed over',
    wrong: 'each of them has the lock for its short grant, one after the other',
    edits: [
      {
        file: QUEUE,
        find: "  if tonumber(redis.call('zscore', ${waiters}, process) or 0) * 1000 >= now then",
        replace: '  if true then',
      },
    ],
    foundBy: spec('test/integration/redis/queue.spec.ts', 'passes over a process that has died'),
  },
  {
    name: 'last in line first',
    wrong: 'the first waiter waits until no other one comes any more',
    edits: [{ file: QUEUE, find: "'zrange', ${queue}, 0, 0", replace: "'zrange', ${queue}, -1, -1" }],
    foundBy: simulation(1, 'order'),
  },
  {
    name: 'free lock taken past the queue',
    wrong: 'a newcomer has the lock of a holder that died before those who have waited for it',
    edits: [
      {
        file: ACQUIRE,
        find: "holder = redis.call('get', KEYS[1])${grantNext('KEYS[1]', 'KEYS[3]', 'KEYS[4]', 'ARGV[9]')}",
        replace: "holder = redis.call('get', KEYS[1])",
      },
    ],
    foundBy: simulation(2, 'order'),
  },
  {
    name: 'living waiters passed over',
    wrong: 'a waiter loses its place when it waits for longer than one sign of life lasts',
    edits: [
      {
        file: QUEUE,
        find: "  redis.call('zadd', KEYS[lock + 2], ms + ARGV[2], ARGV[1])\n",
        replace: '',
      },
    ],
    foundBy: simulation(1, 'order'),
  },
  {
    name: 'grant counted from its message',
    wrong: 'a lease lasts longer than the key when the message was slow',
    edits: [
      {
        file: PLACE,
        find: 'const term = { since: entry.since, ms',
        replace: 'const term = { since: momentOf(this.#context.clock), ms',
      },
      { file: PLACE, find: 'trusted &&\n      entry.age + entry.trip < FRESH * ms', replace: 'trusted' },
    ],
    foundBy: spec('test/integration/redis/turns.spec.ts', 'begins before it was granted'),
  },
  {
    name: 'one id for every try at a turn',
    wrong: 'what is still on its way from one try undoes the next one',
    edits: [{ file: PLACE, find: 'const id = queue.newId(shared);', replace: 'const { id } = entry;' }],
    foundBy: simulation(1, 'stall: .* renewal found the key of a released lease|exclusion', 4000),
  },
  {
    name: 'turn kept beside a lease without it',
    wrong:
      'all wait for a caller that has its lease from the other nodes, and does not know that it has the turn as well',
    edits: [
      {
        file: PLACE,
        find: '    void this.leave();\n    if (reply.granted) return reply;',
        replace:
          '    if (reply.granted) {\n      this.#end();\n      return reply;\n    }\n    void this.leave();',
      },
    ],
    foundBy: simulation(2, 'stall: .* was free'),
  },
  {
    name: 'turn given up without the other nodes',
    wrong: 'a waiter that has the node that keeps the order sleeps beside its queue, and is never woken',
    edits: [
      {
        file: PLACE,
        find: "else if (votes.answers[entry.node] === 'yes') return this.#keepTurn(entry, reply);\n    // It is unknown",
        replace: '// It is unknown',
      },
    ],
    foundBy: spec(
      'test/integration/redis/turns.spec.ts',
      'is of who comes first to the node that keeps the order',
    ),
  },
  {
    name: 'lease not completed',
    wrong: 'it stands on two of three nodes for its whole life, and ends with the next one that fails',
    edits: [
      {
        file: COMPLETER,
        find: 'if (!usable || node.sharded) return done([]);',
        replace: 'if (usable || node.sharded) return done([]);',
      },
    ],
    foundBy: simulation(1, 'stall: .* lease stood on fewer nodes than are well'),
  },
  {
    name: 'released lease completed',
    wrong: 'no caller gets that node before the ttl of a lease that is over has passed',
    edits: [
      {
        file: COMPLETER,
        find: 'standings.filter(({ over }) => !over)',
        replace: 'standings.filter(Boolean)',
      },
      { file: STANDING, find: 'this.#timer?.cancel();', replace: '' },
    ],
    foundBy: simulation(1, 'stall: .* completion was sent after the release'),
  },
  {
    name: 'node of another completed',
    wrong: 'the next holder loses it to one that has asked before',
    edits: [
      {
        file: RENEW,
        find: "  if not holder then\n    redis.call('set', KEYS[i], id, 'PX', ARGV[3])",
        replace: "  if holder ~= id then\n    redis.call('set', KEYS[i], id, 'PX', ARGV[3])",
      },
    ],
    foundBy: spec('test/integration/redis/completion.spec.ts', 'takes no node from somebody else'),
  },
  {
    name: 'completed node without the fencing counter',
    wrong: 'once another node has lost its counter, a token goes back though a quorum has kept theirs',
    edits: [{ file: RENEW, find: 'if token then', replace: 'if false then' }],
    foundBy: spec('test/integration/redis/completion.spec.ts', 'and the node its fencing counter'),
  },
  {
    name: 'broken lock granted at once',
    wrong: 'leases that are handed on where it was held begin beside the next one, with smaller tokens',
    edits: [
      {
        file: RELEASE,
        find: 'if left < 0 or left > ${TRUSTED_MS} then\n  left = ${TRUSTED_MS}\nend',
        replace: 'left = 1',
      },
    ],
    foundBy: spec(
      'test/integration/redis/break.spec.ts',
      'grants nobody the lock while its holder may still hand it on',
    ),
  },
  {
    name: 'restarted node votes at once',
    wrong: 'it has forgotten who holds the lock, and gives it to another caller',
    edits: [
      {
        file: RECORD,
        find: 'const wait = quarantine ? longest - this.#age : 0;',
        replace: 'const wait = 0;',
      },
      {
        file: RECORD,
        find: 'if (ttl <= this.#age || !this.#settings.quarantine) return 0;',
        replace: 'if (ttl > 0) return 0;',
      },
    ],
    foundBy: simulation(1, 'exclusion|token order'),
  },
  {
    name: 'quarantine in the memory of the clients',
    wrong: 'a client that is newer than the restart knows nothing of it',
    edits: [
      {
        file: RECORD,
        find: 'const wait = quarantine ? longest - this.#age : 0;',
        replace: 'const wait = this.#read && this.#read.run !== read.run ? longest : Math.max(0, this.wait);',
      },
      {
        file: RECORD,
        find: 'if (ttl <= this.#age || !this.#settings.quarantine) return 0;',
        replace: 'if (ttl > 0) return 0;',
      },
    ],
    foundBy: simulation(1, 'exclusion|token order'),
  },
  {
    name: 'quarantine of the own ttl only',
    wrong: 'a node forgets the longer leases of others before they are over',
    edits: [
      {
        file: SYNC,
        find: 'longest = math.max(tonumber(ARGV[2]), before)',
        replace: 'longest = tonumber(ARGV[2])',
      },
    ],
    foundBy: spec(
      'test/integration/redis/restarted-node.spec.ts',
      'sits out the longest ttl that whoever comes first has ever read in its record',
    ),
  },
  {
    name: 'emptied keyspace not noticed',
    wrong: 'a connected client goes on without having read the record of the node again',
    edits: [
      {
        file: ACQUIRE,
        find: "if ARGV[4] ~= '' and redis.call('get', KEYS[2]) ~= ARGV[4] then",
        replace: 'if false then',
      },
    ],
    foundBy: simulation(1, 'exclusion|token order'),
  },
  {
    name: 'emptied node taken for an old one',
    wrong: 'a server that has run for long, and was flushed, grants at once',
    edits: [{ file: SYNC, find: "if noderun or emptied or ARGV[9] == '' then", replace: 'if noderun then' }],
    foundBy: spec(
      'test/integration/redis/deleted-keys.spec.ts',
      'by FLUSHALL grants nothing to who comes first',
    ),
  },
  {
    name: 'deleted record taken for one that never was',
    wrong: 'a client that starts after all keys were deleted one by one is granted what others hold',
    edits: [
      {
        file: SYNC,
        find: "if noderun or emptied or ARGV[9] == '' then",
        replace: 'if noderun or emptied then',
      },
    ],
    foundBy: spec(
      'test/integration/redis/deleted-keys.spec.ts',
      'by DEL of each key grants nothing to who comes first',
    ),
  },
  {
    name: 'clients do not say what they have known',
    wrong: 'a record that was made anew hides that all keys were deleted',
    edits: [{ file: SYNC, find: "if ARGV[6] ~= '' and not kept and (", replace: 'if false and (' }],
    foundBy: spec('test/integration/redis/deleted-keys.spec.ts', 'once it has heard of who knew'),
  },
  {
    name: 'other list of nodes taken for a dead node',
    wrong: 'the others are a quorum of the new list, and the old one has its lock on that node',
    edits: [
      {
        file: 'lib/drivers/redis/quorum/node-set.ts',
        find: 'for (const { otherList } of this.nodes) if (otherList) return true;',
        replace: '',
      },
    ],
    foundBy: simulation(1, 'exclusion|token order'),
  },
  {
    name: 'lease taken before a slow node has told its list',
    wrong: 'a client that has slept takes a lock beside the list that has its node by now',
    edits: [
      {
        file: 'lib/drivers/redis/quorum/node-set.ts',
        find: 'if (isBefore(at, wall, this.#sureUntil)) return true;',
        replace: 'if (at >= 0) return true;',
      },
    ],
    foundBy: spec('test/integration/redis/node-list-changes.spec.ts', 'is merely slow'),
  },
  {
    name: 'list of nodes sure by the monotonic clock alone',
    wrong: 'a machine that wakes up takes a lock beside the list that has its node by now',
    edits: [
      {
        file: 'lib/drivers/redis/quorum/node-set.ts',
        find: 'return monotonic < until.monotonic && wall < until.wall;',
        replace: 'return monotonic < until.monotonic && wall < Infinity;',
      },
    ],
    foundBy: spec('test/unit/node-set.spec.ts', 'after a sleep of the machine'),
  },
  {
    name: 'list of nodes not compared',
    wrong: 'two lists have quorums without a common node',
    edits: [
      { file: SYNC, find: "if list and list ~= '-' and list ~= ARGV[1] then", replace: 'if false then' },
    ],
    foundBy: simulation(1, 'exclusion|token order'),
  },
  {
    name: 'vote of a jumped clock counted',
    wrong: 'leases of others ended there before their holders know',
    edits: [
      {
        file: TRUST,
        find: 'if (jump === 0) return undefined;',
        replace: 'if (jump <= Infinity) return undefined;',
      },
    ],
    foundBy: spec('test/integration/redis/jumping-clock.spec.ts', 'its votes count for no new lock'),
  },
  {
    name: 'READONLY taken for a matter of one command',
    wrong: 'after a failover that keeps connections open, every lock fails until a restart',
    edits: [
      {
        file: 'lib/drivers/redis/errors/failures.ts',
        find: "give the address of the master',\n    consequence: 'reconnect',\n  },\n  'no-master-link'",
        replace: "give the address of the master',\n  },\n  'no-master-link'",
      },
    ],
    foundBy: spec('test/integration/redis/refusals.spec.ts', 'is left for the new one, which is told'),
  },
  {
    name: 'sentinels not listened to',
    wrong:
      'the old master grants what the new one grants, until the sentinel makes it a replica seconds later',
    edits: [
      {
        file: 'lib/drivers/redis/connection/sentinel-watch.ts',
        find: "const CHANNELS = ['+promoted-slave', '+switch-master'];",
        replace: "const CHANNELS = ['+nothing'];",
      },
    ],
    foundBy: spec(
      'test/integration/redis/failover.spec.ts',
      'follows a failover that Sentinel was told to do, by its URL',
    ),
  },
  {
    name: 'sentinel not asked after a lost connection',
    wrong:
      'a failover that it has told nobody of is not followed, and the old master grants what the new one grants',
    edits: [
      {
        file: 'lib/drivers/redis/connection/sentinel-watch.ts',
        find: 'if (before !== undefined && before !== address && address !== this.#named) this.events.onSwitch();',
        replace: '',
      },
    ],
    foundBy: spec(
      'test/integration/redis/failover.spec.ts',
      'follows a failover that took place while its connection to the sentinel was lost, by its URL',
    ),
  },
  {
    name: 'sentinels asked without the password of the options',
    wrong: 'they refuse to tell of a failover, and the old master grants what the new one grants',
    edits: [
      {
        file: 'lib/drivers/redis/connection/clients.ts',
        find: '      ...(sentinelPassword && { password: sentinelPassword }),\n',
        replace: '',
      },
    ],
    foundBy: spec('test/integration/redis/sentinel-watch.spec.ts', 'in the options'),
  },
  {
    name: 'a refusing node still counted as up',
    wrong: 'no event tells that no lock is to be had, and each call asks the node in vain',
    edits: [
      {
        file: 'lib/drivers/redis/quorum/backend-health.ts',
        find: 'nodes.filter(({ well }) => well).length >= quorum;',
        replace: 'nodes.filter(({ up }) => up).length >= quorum;',
      },
    ],
    foundBy: spec('test/integration/redis/refusals.spec.ts', "with 'OOM' is down meanwhile"),
  },
  {
    name: 'partial votes kept',
    wrong: 'the votes of a caller that has lost block the next one for a ttl',
    edits: [
      {
        file: SINGLE_ATTEMPTS,
        find: 'if (!this.#mayHold(votes)) return Promise.resolve();',
        replace: 'return Promise.resolve();',
      },
    ],
    foundBy: simulation(1, 'stall: .* was free'),
  },
  {
    name: 'quorum one too small',
    wrong: 'two quorums need not share a node',
    edits: [
      {
        file: 'lib/drivers/redis/quorum/node-set.ts',
        find: 'this.quorum = Math.floor(nodes.length / 2) + 1;',
        replace: 'this.quorum = Math.max(1, Math.floor(nodes.length / 2));',
      },
    ],
    foundBy: simulation(1, 'token order|token repeated'),
  },
  {
    name: 'renewal by half of the nodes',
    wrong: 'a holder that has lost the lock believes in it as long as one of three nodes does',
    edits: [
      {
        file: 'lib/drivers/redis/quorum/renewal-round.ts',
        find: 'count: new VoteCount(nodeSet.quorum)',
        replace: 'count: new VoteCount(Math.max(1, nodeSet.quorum - 1))',
      },
    ],
    foundBy: spec(
      'test/integration/redis/renewal.spec.ts',
      'fail only where the nodes that answer do not agree',
    ),
  },
  {
    name: 'window that never moves on',
    wrong: 'of many commands at once those beyond the first 1000 are never sent',
    edits: [
      {
        file: PENDING,
        find: '    if (this.#queued > 0) this.#dispatchSoon();\n    return true;',
        replace: '    return true;',
      },
    ],
    foundBy: spec(PENDING_SPEC, 'are no more at once than fit into the window'),
  },
  {
    name: 'busy node taken for a dead one',
    wrong: 'the locks of a crowd fail, although the node answers all the time',
    edits: [
      {
        file: PENDING,
        find: 'if (this.#heard) this.#silentSince = now;',
        replace: 'if (this.#heard) this.#silentSince = oldest.sentAt;',
      },
    ],
    foundBy: spec(PENDING_SPEC, 'are not given up while the server answers'),
  },
  {
    name: 'acquisition sent after its release',
    wrong: 'a slow node keeps a lock for a ttl that the others have granted and freed',
    edits: [{ file: EXCHANGES, find: "if (state === 'withdrawn')", replace: "if (state === 'decided')" }],
    foundBy: spec('test/integration/redis/many-at-once.spec.ts', 'is not sent to a slow node'),
  },
  {
    name: 'largest counter taken for the token',
    wrong: 'the next quorum may not have heard of it',
    edits: [
      {
        file: 'lib/drivers/redis/quorum/fencing-tokens.ts',
        find: 'if (missing > 0) {',
        replace: 'if (missing > nodes.length) {',
      },
    ],
    foundBy: simulation(2, 'token order|token repeated'),
  },
  {
    name: 'token checked on writes only',
    wrong: 'who read, stalled, and writes before the next one does, is overwritten',
    edits: [
      {
        file: 'test/verify/simulation/storage.ts',
        find: 'if (token !== undefined) {',
        replace: "if (token !== undefined && kind === 'write') {",
      },
    ],
    foundBy: simulation(2, 'register|lost update'),
  },
  {
    name: 'one server of a Cluster for all',
    wrong: 'the locks of all others are refused while one hangs or is away',
    edits: [
      {
        file: 'lib/drivers/redis/node/cluster-node.ts',
        find: 'return this.#owners.at(key) ?? this.#noServer;',
        replace:
          'return [...this.#servers.values()].find(({ up }) => !up) ?? this.#owners.at(key) ?? this.#noServer;',
      },
    ],
    foundBy: spec('test/integration/redis/cluster-shards.spec.ts', 'keeps all other locks'),
  },
  {
    name: 'slots of a Cluster read once',
    wrong: 'the locks of a server stay away when its replica has taken its place',
    edits: [
      {
        file: 'lib/drivers/redis/node/cluster-node.ts',
        find: 'if (this.#stopped || this.#again) return;',
        replace: 'return;',
      },
    ],
    foundBy: spec('test/integration/redis/cluster-shards.spec.ts', 'serves its own again'),
  },
  {
    name: 'server of a Cluster without a name taken for the one that was asked',
    wrong: 'the locks of a slot that moves to it are refused, and their leases lost',
    edits: [
      {
        file: 'lib/drivers/redis/node/cluster-redirect.ts',
        find: 'told === NAMELESS ? namelessAt(port, from, known) : told',
        replace: "told === NAMELESS ? '' : told",
      },
    ],
    foundBy: spec('test/unit/cluster-addresses.spec.ts', 'leads to the one that is known by its address'),
  },
  {
    name: 'record of the last connection believed',
    wrong: 'a node that restarted without its last keys, and is found loading, grants a lock that is held',
    edits: [
      {
        file: 'lib/drivers/redis/node/node-lifecycle.ts',
        find: '    this.trust.forget();\n',
        replace: '',
      },
    ],
    foundBy: spec(
      'test/integration/redis/restarted-node.spec.ts',
      'grants nothing too soon when it is found loading',
    ),
  },
  {
    name: 'share of a moving slot owed to nobody',
    wrong: 'a share whose release the Cluster refused for a moment keeps writers out for its whole ttl',
    edits: [
      {
        file: 'lib/drivers/redis/errors/node-error.ts',
        find: " && this.#kind !== 'moving-slot'",
        replace: '',
      },
    ],
    foundBy: spec('test/integration/redis/moving-slot.spec.ts', 'a share is free soon after the move'),
  },
  {
    name: 'all keys of a lock or none',
    wrong: 'a lock cannot be taken, renewed or released while its slot moves to another server',
    edits: [
      {
        file: 'lib/drivers/redis/scripts/script.ts',
        find: "return !alone && kind === 'moving-slot' ? { whole: false, alone: true } : undefined;",
        replace: 'return undefined;',
      },
    ],
    foundBy: spec('test/integration/redis/moving-slot.spec.ts', 'the lock is taken by one, and released'),
  },
  {
    name: 'removed record without a mark',
    wrong: 'a record that was removed comes back from a node that was away meanwhile',
    edits: [
      {
        file: 'lib/drivers/redis/records/redis-records.ts',
        find: 'if (!this.#marks) {',
        replace: "if (space !== '') {",
      },
    ],
    foundBy: spec('test/integration/redis/removed-records.spec.ts', 'does not come back from that node'),
  },
];
