export type { CampaignOptions, Election, Leader, Leadership } from './election.js';
export { electionLock } from './candidacy.js';
export { type ElectionListener, type ElectionLog, Elections, electionsOf } from './elections.js';
export { checkElectionName } from './election-handle.js';
export { leadersIn } from './leader-records.js';
export type { HeldLeadership } from './leadership.js';
