export { BackendHealth } from './backend-health.js';
export { Completer } from './completer.js';
export { NodeSet } from './node-set.js';
export { type LockRequest, type RedisGrant, RedlockVoting, type VoteResult } from './redlock-voting.js';
export { RenewalRound } from './renewal-round.js';
export type { Busy, VotingWaiter } from './votes.js';
