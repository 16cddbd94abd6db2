import { AT_ONCE, type FileParts, nextTurn } from './file-parts.js';
import { finishAll } from './kernel/index.js';

/** Ends the leases of this driver whose files are not those any more that others would lock. */
export class LeaseUpkeep {
  constructor(private readonly parts: FileParts) {}

  /** A little at a time: there may be many. */
  async lookAfterAll(): Promise<void> {
    const { clock, calls, heldLocks } = this.parts;
    for (const [index, grant] of heldLocks.grants().entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) await nextTurn(clock);
      calls.attempt('look at', grant.name, undefined, () => heldLocks.loseIfGone(grant));
    }
    const shares = this.parts.shares();
    for (const grant of shares?.grants() ?? [])
      calls.attempt('look at', grant.name, undefined, () => shares?.loseIfGone(grant));
  }

  /** All at once: the directory has gone, say. */
  loseAllGone(): void {
    const { heldLocks } = this.parts;
    const shares = this.parts.shares();
    finishAll([
      ...heldLocks.grants().map((grant) => () => heldLocks.loseIfGone(grant)),
      ...(shares?.grants() ?? []).map((grant) => () => shares?.loseIfGone(grant)),
    ]);
  }
}
