import { peers } from '../peers/index.js';
import { baton } from './baton.js';
import { commands } from './commands.js';
import { kernel } from './kernel.js';
import type { LockKind } from './locks.js';
import { fair, plain } from './ours.js';
import { advisory, twoSelects } from './postgres.js';
import { queuedRaw, raw } from './raw.js';
import { redlock, tunedRedlock } from './redlock.js';

export { pairOf } from './pair.js';
export type { Handle, LockKind, Locks, Place } from './locks.js';

const kinds: readonly LockKind[] = [
  raw,
  queuedRaw,
  commands,
  baton,
  kernel,
  redlock,
  tunedRedlock,
  twoSelects,
  advisory,
  plain,
  fair,
  ...peers,
];

export function lockKind(id: string): LockKind {
  const kind = kinds.find((each) => each.id === id);
  if (!kind) throw new Error(`there are no locks "${id}"`);
  return kind;
}
