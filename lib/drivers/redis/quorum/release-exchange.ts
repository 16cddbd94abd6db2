import { isShare } from '../../share-id.js';
import type { RedisClient } from '../connection/index.js';
import type { NodeError } from '../errors/index.js';
import { Rank, releaseArgs } from '../node/index.js';
import { BY_NAME, oneOf, RELEASE, RELEASE_SHARE, runScript, type Sending } from '../scripts/index.js';
import { type Question, VoteExchange } from './vote-exchange.js';

/** Frees the lock on one node, at once or as soon as the node can be reached. */
export class ReleaseExchange extends VoteExchange {
  constructor(question: Question, how = BY_NAME) {
    super(question, how);
  }

  get rank(): Rank {
    return Rank.release;
  }

  send(client: RedisClient): Promise<unknown> {
    const { node, votes } = this.question;
    const keys = node.lockKeys.of(votes.key);
    const args = releaseArgs(node, votes.key, votes.id);
    return isShare(votes.id)
      ? runScript(client, RELEASE_SHARE, keys.sharing, args, this.how)
      : runScript(client, RELEASE, keys.plain, args, this.how);
  }

  onReply(reply: unknown): void {
    this.answer(oneOf(reply, 0, 1, -1) === 1 ? 'yes' : 'gone');
  }

  protected sendAgain(how: Sending): void {
    new ReleaseExchange(this.question, how).begin();
  }

  protected override fail(error: NodeError): void {
    const { node, votes } = this.question;
    if (!error.final) node.releaseLater(votes.key, votes.id);
    super.fail(error);
  }
}
