import { AT_ONCE, type FileParts, nextTurn } from './file-parts.js';
import { finishAll } from './kernel/index.js';

/**
 * Ends the leases of this driver whose file was removed or replaced, so that other processes would lock another one. It also removes
 * what ended shares have left.
 */
export class LeaseUpkeep {
  constructor(private readonly parts: FileParts) {}

  /**
   * Checks a few at a time: there may be many.
   * @throws the first error, when all are checked: a file that cannot be looked at hides the loss of no other one
   */
  async lookAfterAll(): Promise<void> {
    const { clock, calls, heldLocks, directory } = this.parts;
    const shares = this.parts.shares();
    const problems: unknown[] = [];
    const attempt = (what: string, name: string | undefined, work: () => void): void => {
      try {
        calls.attempt(what, name, name === undefined ? directory.queuesFolder : undefined, work);
      } catch (error) {
        problems.push(error);
      }
    };
    for (const [index, grant] of heldLocks.grants().entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) await nextTurn(clock);
      attempt('look at', grant.name, () => heldLocks.loseIfGone(grant));
    }
    for (const grant of shares?.grants() ?? [])
      attempt('look at', grant.name, () => shares?.loseIfGone(grant));
    attempt('tidy up', undefined, () => shares?.tidy());
    if (problems.length > 0) throw problems[0];
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
