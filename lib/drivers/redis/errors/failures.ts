/**
 * What a node does after an answer that refuses a command.
 *
 * - `reconnect`: the connection leads to a useless server; the next connection may lead to the right one.
 * - `wait`: the server refuses for a while. The connection stays, and held leases are renewed and released over it. The node is asked for
 *   no new lock until the scripts can run again.
 * - `tell`: the server takes nothing new, and all else goes on. It is asked as before, and counts as down for the listeners.
 * - `refuse`: only this command failed.
 */
export type Consequence = 'reconnect' | 'wait' | 'tell' | 'refuse';

interface Failure {
  /** Matches the code or the text of an error of Redis, Node or ioredis; none for an error that only this package makes. */
  readonly words?: RegExp;
  /** What has happened, and what an operator can do; none where the error's own text says it. */
  readonly advice?: string;
  /** Whether the message also quotes the error: it names the command, the key or the host. */
  readonly quoted?: true;
  /** Default: `refuse`. */
  readonly consequence?: Consequence;
}

/** All failures of a node, in one place. The first entry whose words are found counts. */
const TABLE = {
  // Redis answers, and refuses.
  'no-script': { words: /^NOSCRIPT/ },
  'moving-slot': {
    words: /^TRYAGAIN |non local key/,
    advice:
      'the slot of the lock is on its way to another server of the Cluster, with some of its keys (TRYAGAIN): it can be had when they have all arrived',
  },
  'read-only': {
    words: /\bREADONLY |\bUNBLOCKED /,
    advice: 'is a replica and cannot be written to (READONLY): give the address of the master',
    consequence: 'reconnect',
  },
  'no-master-link': {
    words: /\bMASTERDOWN /,
    advice: 'is a replica that has lost its master (MASTERDOWN): give the address of the master',
    consequence: 'reconnect',
  },
  'sentinel-password': {
    words: /(connect to sentinel|sentinels are unreachable).*\b(NOAUTH|WRONGPASS) /,
    advice:
      'the sentinels refuse the credentials: give those of the sentinels as redis.options.sentinelPassword and sentinelUsername, or as ?sentinelPassword= and &sentinelUsername= in the URL',
    quoted: true,
    consequence: 'reconnect',
  },
  'wrong-password': {
    words: /WRONGPASS|invalid password/,
    advice: 'wrong user or password (WRONGPASS): correct the credentials in the URL',
    consequence: 'reconnect',
  },
  'no-password': {
    words: /\bNOAUTH /,
    advice:
      'a password is needed (NOAUTH): give redis://:password@host, or redis://user:password@host, in the URL',
    consequence: 'reconnect',
  },
  'protected-mode': {
    words: /^DENIED/,
    advice:
      'takes connections from its own machine only (DENIED, protected mode): set a password there and give it in the URL, or turn protected-mode off in a network that only your processes reach',
  },
  'no-permission': {
    // Each server words a refusal within a script in its own way: Redis 6, Redis 7, and Redis 8 as Valkey and Redict do.
    words: /\bNOPERM |executing (the )?script can't|ACL failure in script/,
    advice:
      'the ACL user may not do what is needed (NOPERM): give it all of the ACL SETUSER line of docs/redis.md',
    quoted: true,
    consequence: 'wait',
  },
  loading: {
    words: /\bLOADING /,
    advice: 'is still loading its data set (LOADING): try again when it has finished',
    consequence: 'wait',
  },
  busy: {
    words: /\bBUSY /,
    advice:
      'is busy with a script that runs for too long (BUSY): end it with SCRIPT KILL, and make it shorter',
    consequence: 'wait',
  },
  'out-of-memory': {
    words: /\bOOM /,
    advice: 'is full (OOM): raise maxmemory, or delete what is not needed',
    consequence: 'tell',
  },
  'cannot-save': {
    words: /\bMISCONF /,
    advice:
      'takes no writes, as it cannot save its data (MISCONF): make room on its disk, its log says more; or set stop-writes-on-bgsave-error no',
    consequence: 'wait',
  },
  'too-few-replicas': {
    words: /\bNOREPLICAS /,
    advice:
      'takes no writes, as too few replicas follow it (NOREPLICAS): bring them back, or lower min-replicas-to-write',
    consequence: 'wait',
  },
  'cluster-down': {
    words: /\bCLUSTERDOWN /,
    advice: 'the cluster is down (CLUSTERDOWN): check its slots and masters',
    consequence: 'wait',
  },
  'cluster-part': {
    words: /\bMOVED |\bASK /,
    advice: 'is part of a Redis Cluster: use redis+cluster:// instead of redis://',
    consequence: 'reconnect',
  },
  'too-many-clients': {
    words: /max number of clients/,
    advice: 'takes no more connections: raise maxclients, or use fewer',
    consequence: 'reconnect',
  },
  'no-cluster': {
    words: /cluster support disabled/,
    advice: 'is not a Redis Cluster: use redis:// instead of redis+cluster://',
  },
  'no-sentinel': {
    words: /unknown command.*sentinel/i,
    advice:
      'is a plain Redis and no sentinel: give the sentinels’ addresses (port 26379), or use redis:// for a server',
  },
  'unknown-command': {
    words: /unknown command|unsupported command/i,
    advice:
      'does not know a command that is needed: it has to be Redis 6 or later, Valkey or Redict, and no proxy that passes only some commands on',
    quoted: true,
  },
  'several-slots': {
    words: /CROSSSLOT/,
    advice:
      'the keys of a lock are not in one slot of the Cluster (CROSSSLOT): leave keyPrefix out of the client’s options, and give prefix or redis.lockKey instead',
  },
  'wrong-type': {
    words: /WRONGTYPE/,
    advice: 'a key of another type stands where a lock belongs (WRONGTYPE): change redis.lockKey',
  },
  'no-database': {
    words: /DB index/,
    advice: 'the database number is out of range: correct it in the URL',
  },
  // It does not answer.
  'no-files': {
    words: /EMFILE|ENFILE/,
    advice:
      'this process or machine has no file descriptors left (EMFILE): raise ulimit -n, or find what leaves files or sockets open',
  },
  'no-ports': {
    words: /EADDRNOTAVAIL/,
    advice: 'this machine has no local port or address left for the connection (EADDRNOTAVAIL)',
  },
  refused: {
    words: /ECONNREFUSED/,
    advice: 'connection refused: start Redis there, or correct host and port',
  },
  'no-host': {
    words: /ENOTFOUND|EAI_AGAIN|EAI_NODATA/,
    advice: 'host not found: correct the host name, or the DNS',
  },
  'no-route': {
    words: /EHOSTUNREACH|ENETUNREACH/,
    advice: 'no route to the host: check address and network',
  },
  'other-name': {
    words: /ALTNAME/,
    advice:
      'the TLS certificate is for another host name: give a name that it has, or that name in redis.options.tls.servername',
    quoted: true,
  },
  'old-certificate': {
    words: /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|certificate has expired|not yet valid/,
    advice: 'the TLS certificate is out of date: renew it, or set the clock right',
    quoted: true,
  },
  'no-client-certificate': {
    words: /CERTIFICATE_REQUIRED|certificate required/i,
    advice: 'wants a TLS certificate of the client: give redis.options.tls.cert and redis.options.tls.key',
    quoted: true,
  },
  certificate: {
    words: /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_|certificate/i,
    advice: 'the TLS certificate is not accepted: give its authority in redis.options.tls.ca',
    quoted: true,
  },
  'plain-port': {
    words: /wrong version number|WRONG_VERSION|packet length|EPROTO/,
    advice: 'does not speak TLS: use redis:// for a plain port',
  },
  // A TLS server answers plain Redis with an alert, whose first byte is 21.
  'tls-port': {
    words: /RESP type 21 |got "\\u0015"/,
    advice: 'does not speak plain Redis: use rediss:// for a TLS port',
  },
  'no-redis': {
    words: /Protocol error|RESP type|type byte/,
    advice: 'does not speak Redis, but HTTP or something else: correct host and port',
    quoted: true,
  },
  'no-such-master': {
    words: /invalid reply: null|No such master/,
    advice: 'the sentinels do not know this master: correct the master name in the URL',
  },
  'no-sentinel-answers': {
    words: /sentinels are unreachable|connect to sentinel/,
    advice: 'no sentinel answers: check the sentinels’ hosts and ports',
    quoted: true,
  },
  'no-seed-answers': {
    words: /startup nodes|Failed to refresh slots/,
    advice: 'no seed of the cluster answers: check the seeds’ hosts and ports',
    quoted: true,
  },
  // Errors that only this package makes: their own text says everything.
  evicts: {},
  'odd-answer': { consequence: 'reconnect' },
  other: {},
} satisfies Readonly<Record<string, Failure>>;

export type FailureKind = keyof typeof TABLE;

const FAILURES: Readonly<Record<FailureKind, Failure>> = TABLE;

/** Finds the kind of an error by its code and text. */
export function kindOf(code: string | undefined, text: string): FailureKind {
  const words = code === undefined ? text : `${code} ${text}`;
  for (const [kind, failure] of Object.entries(FAILURES)) {
    if (failure.words?.test(words)) return kind as FailureKind;
  }
  return 'other';
}

export function failureOf(kind: FailureKind): Omit<Failure, 'words'> {
  return FAILURES[kind];
}
