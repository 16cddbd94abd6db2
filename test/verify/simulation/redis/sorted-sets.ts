import type { Keyspace } from './keyspace.js';
import { CommandError, type Reply } from './reply.js';

type Members = Map<string, number>;

/** The commands for sorted sets that our scripts use, as Redis has them. */
export function sortedSetCommands(
  space: () => Keyspace,
): Readonly<Record<string, (args: readonly string[]) => Reply>> {
  const find = (key: string): Members | undefined => {
    const value = space().get(key);
    if (typeof value !== 'string') return value;
    throw new CommandError('WRONGTYPE Operation against a key holding the wrong kind of value');
  };
  const remove = (key: string, members: Members, gone: readonly string[]): number => {
    const count = gone.filter((member) => members.delete(member)).length;
    if (members.size === 0) space().delete(key);
    return count;
  };
  return {
    zadd: ([key = '', ...args]) => {
      const onlyExisting = args[0]?.toLowerCase() === 'xx';
      const [score = '', member = '', ...more] = onlyExisting ? args.slice(1) : args;
      if (more.length > 0) throw new CommandError('ERR only one score and member are supported here');
      const value = scoreOf(score);
      const members = find(key) ?? new Map<string, number>();
      const isNew = !members.has(member);
      if (isNew && onlyExisting) return 0;
      members.set(member, value);
      if (members.size === 1 && isNew) space().set(key, members);
      return isNew ? 1 : 0;
    },
    zscore: ([key = '', member = '']) => {
      const score = find(key)?.get(member);
      return score === undefined ? null : String(score);
    },
    zrem: ([key = '', ...gone]) => {
      const members = find(key);
      return members ? remove(key, members, gone) : 0;
    },
    zrange: ([key = '', from = '', to = '', withScores]) => {
      const sorted = inOrder(find(key) ?? new Map<string, number>());
      const [first, last] = [from, to].map(
        (index) => Number(index) + (Number(index) < 0 ? sorted.length : 0),
      );
      const chosen = sorted.slice(Math.max(0, first as number), (last as number) + 1);
      return chosen.flatMap(([member, score]) =>
        withScores?.toLowerCase() === 'withscores' ? [member, String(score)] : [member],
      );
    },
    zremrangebyscore: ([key = '', least = '', most = '']) => {
      const members = find(key);
      const [low, high] = [scoreOf(least), scoreOf(most)];
      if (!members) return 0;
      const gone = [...members].filter(([, score]) => score >= low && score <= high);
      return remove(
        key,
        members,
        gone.map(([member]) => member),
      );
    },
  };
}

/** By score, and members of one score by their bytes. */
function inOrder(members: Members): [string, number][] {
  return [...members].toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
}

function scoreOf(text: string): number {
  if (text === '-inf') return -Infinity;
  if (text === '+inf') return Infinity;
  if (text === '' || Number.isNaN(Number(text))) throw new CommandError('ERR value is not a valid float');
  return Number(text);
}
