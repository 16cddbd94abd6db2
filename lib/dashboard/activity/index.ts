export { Activity } from './activity.js';
export type { UsualHolds } from './usual-holds.js';
