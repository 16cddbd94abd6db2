import { readFileSync } from 'node:fs';

/** The keys, channels and rights of the ACL SETUSER line of docs/redis.md: all that a user needs on a server that is no Cluster. */
export const DOCUMENTED_RIGHTS =
  /^ACL SETUSER app on >secret (.*)$/m.exec(readFileSync('docs/redis.md', 'utf8'))?.[1] ?? 'no such line';
