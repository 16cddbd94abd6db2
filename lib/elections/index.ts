export type { CampaignOptions, Election, Leader, Leadership } from './election.js';
export { electionLock } from './candidacy.js';
export { Elections, electionsOf } from './elections.js';
export { leadersIn } from './leader-records.js';
