export { checkElectionHosts, standForElections } from './election-hosts.js';
export type { ElectionOptions } from './election-use.js';
export { LeaderOnly, type LeaderOnlyDecorator } from './leader-only.decorator.js';
export { type ElectionListenerDecorator, OnDemoted, OnElected } from './listener.decorators.js';
