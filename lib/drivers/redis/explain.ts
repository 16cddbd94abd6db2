import type { NodeError } from './node-error.js';

type Rule = readonly [pattern: RegExp, advice: string, more?: 'and Redis’ words'];

/** What an operator can do about each failure; the first rule that matches code or text is used. */
const RULES: readonly Rule[] = [
  [/ECONNREFUSED/, 'connection refused: start Redis there, or correct host and port'],
  [/ENOTFOUND|EAI_AGAIN|EAI_NODATA/, 'host not found: correct the host name, or the DNS'],
  [/EHOSTUNREACH|ENETUNREACH/, 'no route to the host: check address and network'],
  [/WRONGPASS|invalid password/, 'wrong user or password (WRONGPASS): correct the credentials in the URL'],
  [
    /NOAUTH|no password is set/,
    'a password is needed (NOAUTH): give redis://:password@host, or redis://user:password@host, in the URL',
  ],
  // They name the command, key or channel.
  [
    /NOPERM/,
    'the ACL user may not do what is needed: give it all of the ACL SETUSER line of README, "What it needs from Redis"',
    'and Redis’ words',
  ],
  [/READONLY/, 'is a replica and cannot be written to (READONLY): give the address of the master'],
  [/LOADING/, 'is still loading its data set (LOADING): try again when it has finished'],
  [
    /wrong version number|WRONG_VERSION|packet length|EPROTO/,
    'does not speak TLS: use redis:// for a plain port',
  ],
  [/Protocol error|type byte/, 'does not speak plain Redis: use rediss:// for a TLS port'],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_|ALTNAME|certificate/i,
    'the TLS certificate is not accepted: give its authority in redis.tls.ca',
    'and Redis’ words',
  ],
  [/cluster support disabled/, 'is not a Redis Cluster: use redis:// instead of redis+cluster://'],
  [
    /invalid reply: null|No such master/,
    'the sentinels do not know this master: correct the master name in the URL',
  ],
  [
    /unknown command.*sentinel/i,
    'is a plain Redis and no sentinel: give the sentinels’ addresses (port 26379), or use redis:// for a server',
  ],
  [
    /sentinels are unreachable|connect to sentinel/,
    'no sentinel answers: check the sentinels’ hosts and ports',
    'and Redis’ words',
  ],
  [
    /startup nodes|Failed to refresh slots/,
    'no seed of the cluster answers: check the seeds’ hosts and ports',
    'and Redis’ words',
  ],
  [/CLUSTERDOWN/, 'the cluster is down (CLUSTERDOWN): check its slots and masters'],
  [/MOVED|ASK /, 'is part of a Redis Cluster: use redis+cluster:// instead of redis://'],
  [
    /CROSSSLOT/,
    'the keys of a lock are not in one slot of the Cluster (CROSSSLOT): leave keyPrefix out of the client’s options, and give prefix or lockKey instead',
  ],
  [/WRONGTYPE/, 'a key of another type stands where a lock belongs (WRONGTYPE): change lockKey'],
  [/DB index/, 'the database number is out of range: correct it in the URL'],
];

/** One line: what happened on a node and what to do about it. */
export function explain(error: NodeError): string {
  const text = `${error.code ?? ''} ${error.message}`;
  const rule = RULES.find(([pattern]) => pattern.test(text));
  if (!rule) return error.message;
  const [, advice, more] = rule;
  return more ? `${advice} (${error.message})` : advice;
}
