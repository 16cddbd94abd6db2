import { AT_ONCE, type FileParts, nextTurn } from './file-parts.js';
import { finishAll } from './kernel/index.js';

/**
 * Ends the leases of this driver whose file was removed or replaced, so that other processes would lock another one. It also removes
 * what ended shares have left.
 */
export class LeaseUpkeep {
  constructor(private readonly parts: FileParts) {}

  /** Checks a few at a time: there may be many. */
  async lookAfterAll(): Promise<void> {
    const { clock, calls, heldLocks, directory } = this.parts;
    for (const [index, grant] of heldLocks.grants().entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) await nextTurn(clock);
      calls.attempt('look at', grant.name, undefined, () => heldLocks.loseIfGone(grant));
    }
    const shares = this.parts.shares();
    for (const grant of shares?.grants() ?? [])
      calls.attempt('look at', grant.name, undefined, () => shares?.loseIfGone(grant));
    calls.attempt('tidy up', undefined, directory.queuesFolder, () => shares?.tidy());
  }

  /** Checks all at once, for example when the directory has gone. */
  loseAllGone(): void {
    const { heldLocks } = this.parts;
    const shares = this.parts.shares();
    finishAll([
      ...heldLocks.grants().map((grant) => () => heldLocks.loseIfGone(grant)),
      ...(shares?.grants() ?? []).map((grant) => () => shares?.loseIfGone(grant)),
    ]);
  }
}
